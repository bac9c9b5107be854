import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ImageRecord } from '../core/image.ts'
import type { Ledger } from '../core/ledger.ts'
import { type Lambda, startLambda } from '../local/lambda/start-lambda.ts'
import { loadSharp } from '../runtime/sharp.ts'
import { createDynamoLedger } from '../stores/dynamo-ledger.ts'
import { buildTestBundle, type TestBundle } from './testing/test-bundle.ts'
import { createOriginWorld, type OriginWorld, rev, type TestOrigin } from './testing/test-origin.ts'

let world: OriginWorld
let bundle: TestBundle
let ledger: Ledger
let lambda: Lambda
let inProcess: TestOrigin

beforeAll(async () => {
  world = await createOriginWorld()
  bundle = await buildTestBundle(world)
  ledger = createDynamoLedger(bundle.ledgerTable)
  lambda = await startLambda(bundle.file, bundle.environment)
  inProcess = world.newOrigin()
})

afterAll(async () => {
  await lambda?.stop()
  await inProcess?.settled()
  await world?.stop()
  await bundle?.remove()
})

/** What a viewer or a cache can tell one answer from another by. */
async function seen(response: Response) {
  const names = [
    'content-type',
    'content-length',
    'cache-control',
    'etag',
    'allow',
    'retry-after',
    'location',
  ]
  const headers = Object.fromEntries(names.map((name) => [name, response.headers.get(name)]))
  const body = Buffer.from(await response.arrayBuffer())
  if (headers['content-type'] !== 'application/problem+json') {
    return { status: response.status, headers, body: body.toString('base64') }
  }
  const { requestId: _, ...problem } = JSON.parse(body.toString()) as Record<string, unknown>
  return { status: response.status, headers, problem }
}

async function answers(path: string, init: RequestInit = {}) {
  return [await seen(await fetch(`${lambda.url}${path}`, init)), await seen(await inProcess.get(path, init))]
}

describe('the bundle in Lambda', () => {
  let image: ImageRecord
  beforeAll(async () => {
    image = await world.newImage()
  })

  it.each([
    ['AVIF', '1-w640-q2.avif'],
    ['WebP', '1-w264-q3.webp'],
    ['JPEG, cropped', '1-w416-ar1x1-q1.jpeg'],
    ['a preset', '1-thumb.webp'],
  ])('answers %s as the origin in this process does, byte for byte', async (_, variant) => {
    const [there, here] = await answers(`/v/${image.id}/${rev}/${variant}`)
    expect(there).toEqual(here)
    expect(there).toMatchObject({ status: 200, headers: { etag: expect.stringMatching(/^"[0-9a-f]{32}"$/) } })
  })

  it('answers an alias from the stored variant, HEAD and 304 without a body', async () => {
    const variant = '1-w640-q2.webp'
    await inProcess.get(`/v/${image.id}/${rev}/${variant}`)
    await inProcess.settled()
    const alias = `/v/${image.id}/_/${variant}`
    const [there, here] = await answers(alias)
    expect(there).toEqual(here)
    const etag = there!.headers['etag']!
    for (const init of [{ method: 'HEAD' }, { headers: { 'if-none-match': etag } }]) {
      const [other, own] = await answers(alias, init)
      expect(other).toEqual(own)
      expect(other).toMatchObject({ body: '', headers: { etag } })
    }
  })

  it.each([
    ['a path that is none', 'GET', '/v/nonsense', 400],
    ['no path', 'GET', '/', 400],
    ['an image that is not there', 'GET', `/v/01JD0R3XW6ZQJ5Y5T1V9ZZZZZZ/_/1-w640-q2.webp`, 404],
    ['another method', 'POST', `/v/01JD0R3XW6ZQJ5Y5T1V9ZZZZZZ/_/1-w640-q2.webp`, 405],
  ])('refuses %s alike', async (_, method, path, status) => {
    const [there, here] = await answers(path, { method })
    expect(there).toEqual(here)
    expect(there).toMatchObject({ status })
  })

  it('refuses an original that is no image alike', async () => {
    const broken = await world.newImage({}, Buffer.from('no image'))
    const path = `/v/${broken.id}/${rev}/1-w640-q2.webp`
    const [there, here] = await answers(path)
    expect(there).toEqual(here)
    expect(there).toMatchObject({ status: 422, problem: { code: 'SOURCE_UNREADABLE' } })
    const line = lambda
      .log()
      .split('\n')
      .find((each) => each.includes(path))
    expect(JSON.parse(line!)).toMatchObject({
      level: 40,
      msg: 'original cannot be decoded',
      err: { message: expect.stringContaining('unsupported image format') },
    })
  })

  it('has stored, counted and told all when the invocation ends', async () => {
    const fresh = await startLambda(bundle.file, bundle.environment)
    try {
      const [there, here] = [await world.newImage(), await world.newImage()]
      const variant = '1-w328-q2.avif'
      await (await fetch(`${fresh.url}/v/${there.id}/${rev}/${variant}`)).arrayBuffer()
      await fresh.invoked(1)
      const stored = await world.variants.head(`v/${there.id}/${rev}/${variant}`)
      await inProcess.get(`/v/${here.id}/${rev}/${variant}`)
      await inProcess.settled()
      expect(stored).not.toBeNull()
      expect(stored).toEqual(await world.variants.head(`v/${here.id}/${rev}/${variant}`))
      expect(await ledger.ofImage(there.id)).toMatchObject([{ renders: 1, variant: { format: 'avif' } }])
      const lines = fresh.log().trim().split('\n')
      expect(lines.map((line) => JSON.parse(line) as unknown)).toContainEqual(
        expect.objectContaining({
          outcome: 'rendered',
          tintype_origin_requests_total: 1,
          _aws: expect.anything(),
        }),
      )
    } finally {
      await fresh.stop()
    }
  })

  it('sends whole what is larger than a buffered answer may be', async () => {
    const size = { width: 3816, height: 900 }
    const sharp = await loadSharp()
    const noise = await sharp({
      create: { ...size, channels: 3, background: '#000', noise: { type: 'gaussian', mean: 128, sigma: 60 } },
    })
      .jpeg({ quality: 90 })
      .toBuffer()
    const large = await world.newImage(size, noise)
    const [there, here] = await answers(`/v/${large.id}/${rev}/1-w3816-q2.png`)
    expect(there!.status).toBe(200)
    expect(Number(there!.headers['content-length'])).toBeGreaterThan(6 * 1024 * 1024)
    expect(there!.headers).toEqual(here!.headers)
    expect(there!.body === here!.body).toBe(true)
  })

  it('says at once which settings it lacks', async () => {
    const { IMAGES_TABLE: _, ...rest } = bundle.environment
    await expect(startLambda(bundle.file, rest)).rejects.toThrow('IMAGES_TABLE')
  })
})
