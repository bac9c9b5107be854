import { createHash } from 'node:crypto'
import { Registry } from 'prom-client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ImageRecord } from '../core/image.ts'
import type { MetadataStore } from '../core/metadata-store.ts'
import type { ObjectStore } from '../core/object-store.ts'
import { largePhotograph } from '../local/large-photograph.ts'
import { loadSharp } from '../runtime/sharp.ts'
import {
  absent,
  immutable,
  makeshift,
  mutable,
  provisional,
  signedImmutable,
  signedProvisional,
} from './caching.ts'
import { defaultLimits } from './limits.ts'
import { createOriginWorld, type OriginWorld, photograph, rev } from './testing/test-origin.ts'

const webp = '1-w640-q2.webp'

let world: OriginWorld
let originals: ObjectStore
let variants: ObjectStore
let metadata: MetadataStore

beforeAll(async () => {
  world = await createOriginWorld()
  ;({ originals, variants, metadata } = world)
})

afterAll(() => world.stop())

const newOrigin: OriginWorld['newOrigin'] = (overrides) => world.newOrigin(overrides)
const newImage: OriginWorld['newImage'] = (...parameters) => world.newImage(...parameters)
const keysOf = (id: string): Promise<string[]> => world.keysOf(id)

/** Mean difference of two pictures of one size, in steps of 255 per channel. */
async function meanDifference(a: Buffer, b: Buffer): Promise<number> {
  const sharp = await loadSharp()
  const difference = await sharp(a)
    .composite([{ input: b, blend: 'difference' }])
    .png()
    .toBuffer()
  const { channels } = await sharp(difference).stats()
  return Math.max(...channels.slice(0, 3).map(({ mean }) => mean))
}

describe('the image origin', () => {
  it('answers the first request and stores what S3 then answers alike', async () => {
    const { id } = await newImage()
    const origin = newOrigin()
    const response = await origin.get(`/v/${id}/${rev}/${webp}`)
    const bytes = Buffer.from(await response.arrayBuffer())
    await origin.settled()

    expect(response.status).toBe(200)
    const facts = await variants.head(`v/${id}/${rev}/${webp}`)
    expect(facts).toEqual({
      size: bytes.length,
      etag: response.headers.get('etag'),
      contentType: response.headers.get('content-type'),
      cacheControl: response.headers.get('cache-control'),
    })
    expect(facts).toMatchObject({ contentType: 'image/webp', cacheControl: immutable })
    const sharp = await loadSharp()
    expect(await sharp(bytes).metadata()).toMatchObject({ format: 'webp', width: 640, height: 469 })
  })

  it('lets the CDN look again for AVIF, which may get better, and browsers keep it', async () => {
    const open = await newImage()
    const closed = await newImage({ visibility: 'private' })
    const origin = newOrigin()
    const avif = '1-w640-q2.avif'
    const [response, signed] = await Promise.all([
      origin.get(`/v/${open.id}/${rev}/${avif}`),
      origin.get(`/v/${closed.id}/p${rev}/${avif}`),
    ])
    await origin.settled()
    expect(response.headers.get('cache-control')).toBe(provisional)
    expect((await variants.head(`v/${open.id}/${rev}/${avif}`))?.cacheControl).toBe(provisional)
    expect(signed.headers.get('cache-control')).toBe(signedProvisional)
    expect((await variants.head(`v/${closed.id}/p${rev}/${avif}`))?.cacheControl).toBe(signedProvisional)
  })

  it('answers an alias from the stored variant of the current revision, for a short time', async () => {
    const { id } = await newImage()
    const origin = newOrigin()
    const first = await origin.get(`/v/${id}/_/${webp}`)
    await origin.settled()
    const again = newOrigin()
    const second = await again.get(`/v/${id}/_/${webp}`)

    expect(first.headers.get('cache-control')).toBe(mutable)
    expect(second.headers.get('cache-control')).toBe(mutable)
    expect(second.headers.get('etag')).toBe(first.headers.get('etag'))
    expect(await second.arrayBuffer()).toEqual(await first.arrayBuffer())
    expect(await again.renders()).toBe(0)
    expect(await keysOf(id)).toEqual([`v/${id}/${rev}/${webp}`])
  })

  it('answers a revision that is not the current one with the current picture, for a short time', async () => {
    const { id } = await newImage()
    const origin = newOrigin()
    const response = await origin.get(`/v/${id}/00000000/${webp}`)
    await origin.settled()
    expect(response.headers.get('cache-control')).toBe(mutable)
    expect(await keysOf(id)).toEqual([`v/${id}/${rev}/${webp}`])
  })

  it('renders once for eight identical requests at once, whatever revision they name', async () => {
    const { id } = await newImage()
    const origin = newOrigin()
    const paths = Array.from({ length: 8 }, (_, i) => `/v/${id}/${i % 2 === 0 ? rev : '_'}/${webp}`)
    const responses = await Promise.all(paths.map((path) => origin.get(path)))
    const bodies = await Promise.all(responses.map((response) => response.arrayBuffer()))
    expect(
      new Set(bodies.map((body) => createHash('md5').update(Buffer.from(body)).digest('hex'))).size,
    ).toBe(1)
    expect(await origin.renders()).toBe(1)
    expect(await origin.outcomes()).toEqual({ rendered: 1, collapsed: 7 })
  })

  it('makes a master from a large original, and starts from it ever after', async () => {
    const image = await newImage({ width: 4000, height: 3000 }, Buffer.from(await largePhotograph()))
    const first = newOrigin()
    await first.get(`/v/${image.id}/${rev}/${webp}`)
    await first.settled()
    expect(await first.sources()).toEqual({ original: 1 })
    const sharp = await loadSharp()
    const master = await variants.get(`m/${image.id}/${rev}.jpg`)
    const masterBytes = await new Response(master!.body).arrayBuffer()
    expect(await sharp(masterBytes).metadata()).toMatchObject({ format: 'jpeg', width: 2560, height: 1920 })

    const second = newOrigin()
    const response = await second.get(`/v/${image.id}/${rev}/1-w1000-ar16x9-q2.webp`)
    expect(await second.sources()).toEqual({ master: 1 })
    const fromMaster = Buffer.from(await response.arrayBuffer())
    await second.settled()
    expect(await sharp(fromMaster).metadata()).toMatchObject({ width: 1000, height: 563 })

    // A variant larger than the master is made from the original.
    await second.get(`/v/${image.id}/${rev}/1-w3056-q2.webp`)
    expect(await second.sources()).toEqual({ master: 1, original: 1 })
    await second.settled()

    const without = newOrigin({ variants: await world.emptyBucket() })
    const direct = await without.get(`/v/${image.id}/${rev}/1-w1000-ar16x9-q2.webp`)
    expect(await without.sources()).toEqual({ original: 1 })
    const fromOriginal = Buffer.from(await direct.arrayBuffer())
    await without.settled()
    expect(await meanDifference(fromMaster, fromOriginal)).toBeLessThan(2)
  })

  it('makes one master for a bunch of first requests, and none for a small original', async () => {
    const large = await newImage({ width: 4000, height: 3000 }, Buffer.from(await largePhotograph()))
    const small = await newImage()
    const puts: string[] = []
    const counting: ObjectStore = {
      ...variants,
      put(key, ...rest) {
        puts.push(key)
        return variants.put(key, ...rest)
      },
    }
    const origin = newOrigin({ variants: counting })
    const widths = [264, 328, 416, 512]
    const paths = [large, small].flatMap(({ id }) =>
      widths.map((width) => `/v/${id}/${rev}/1-w${width}-q2.webp`),
    )
    await Promise.all(paths.map((path) => origin.get(path)))
    await origin.settled()
    expect(puts.filter((key) => key.startsWith('m/'))).toEqual([`m/${large.id}/${rev}.jpg`])
  })

  it('makes no master of a transparent original, which a JPEG could not stand for', async () => {
    const sharp = await loadSharp()
    const clear = sharp({ create: { width: 4000, height: 3000, channels: 4, background: '#ff000080' } })
    const { id } = await newImage(
      { width: 4000, height: 3000, mimeType: 'image/png' },
      await clear.png().toBuffer(),
    )
    const origin = newOrigin()
    expect((await origin.get(`/v/${id}/${rev}/${webp}`)).status).toBe(200)
    await origin.settled()
    expect(await variants.head(`m/${id}/${rev}.jpg`)).toBeNull()
  })

  it('crops around what draws the eye, unless the owner has said what matters', async () => {
    const drawn = await newImage({ attention: { x: 0, y: 0.5 } })
    const said = await newImage({ attention: { x: 0, y: 0.5 }, focalPoint: { x: 1, y: 0.5 } })
    const right = await newImage({ focalPoint: { x: 1, y: 0.5 } })
    const origin = newOrigin()
    const [fromLeft, ours, fromRight] = await Promise.all(
      [drawn, said, right].map(async ({ id }) => {
        const response = await origin.get(`/v/${id}/${rev}/1-w264-ar1x2-q2.png`)
        return Buffer.from(await response.arrayBuffer())
      }),
    )
    await origin.settled()
    expect(ours!.equals(fromRight!)).toBe(true)
    expect(await meanDifference(fromLeft!, fromRight!)).toBeGreaterThan(10)
  })

  it('keeps variants without a revision apart from those with one', async () => {
    const { id } = await newImage({ rev: null, sha256: null })
    const origin = newOrigin()
    const response = await origin.get(`/v/${id}/_/${webp}`)
    await origin.settled()
    expect(response.headers.get('cache-control')).toBe(mutable)
    expect((await variants.head(`v/${id}/_/${webp}`))?.cacheControl).toBe(mutable)
  })

  it('answers HEAD without a body, and 304 to a viewer that has the bytes', async () => {
    const { id } = await newImage()
    const origin = newOrigin()
    const head = await origin.get(`/v/${id}/${rev}/${webp}`, { method: 'HEAD' })
    await origin.settled()
    expect(await head.text()).toBe('')
    expect(Number(head.headers.get('content-length'))).toBe(
      (await variants.head(`v/${id}/${rev}/${webp}`))?.size,
    )
    const headers = { 'if-none-match': head.headers.get('etag')! }
    expect((await origin.get(`/v/${id}/_/${webp}`, { headers })).status).toBe(304)
  })

  it.each<[string, Partial<ImageRecord>]>([
    ['pending', { processingStatus: 'pending', expiresAt: Math.floor(Date.now() / 1000) + 3600 }],
    ['private', { visibility: 'private' }],
  ])('does not deliver a %s image', async (_, changes) => {
    const { id } = await newImage(changes)
    const response = await newOrigin().get(`/v/${id}/_/${webp}`)
    expect(response.status).toBe(404)
    expect(response.headers.get('cache-control')).toBe(absent)
  })

  it('answers 404 for a deleted image, one that never was, and one whose original is lost', async () => {
    const deleted = await newImage()
    await metadata.delete(deleted.id, 1)
    const lost = await newImage()
    await originals.delete([lost.s3Key])
    for (const id of [deleted.id, '01JD0R3XW6ZQJ5Y5T1ZZZZZZZZ', lost.id]) {
      const response = await newOrigin().get(`/v/${id}/_/${webp}`)
      expect(response.status).toBe(404)
      expect(await response.json()).toMatchObject({ code: 'IMAGE_NOT_FOUND', status: 404 })
    }
  })

  it.each([
    ['/v/nope', 400, 'INVALID_PATH'],
    ['/i/01JD0R3XW6ZQJ5Y5T1V9N4K8MH', 400, 'INVALID_PATH'],
    [`/v/01JD0R3XW6ZQJ5Y5T1V9N4K8MH/_/1-w641-q2.webp`, 400, 'INVALID_PATH'],
  ])('answers %s with %i', async (path, status, code) => {
    const response = await newOrigin().get(path)
    expect(response.status).toBe(status)
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    expect(await response.json()).toMatchObject({ code })
  })

  it('refuses methods that would change something', async () => {
    const response = await newOrigin().get(`/v/x`, { method: 'POST' })
    expect(response.status).toBe(405)
    expect(response.headers.get('allow')).toBe('GET, HEAD')
  })

  it('answers 422 for an original that cannot be decoded or is too large, and stores nothing', async () => {
    const broken = await newImage({}, photograph.subarray(0, 40_000))
    const response = await newOrigin().get(`/v/${broken.id}/_/${webp}`)
    expect(await response.json()).toMatchObject({ status: 422, code: 'SOURCE_UNREADABLE' })

    const large = await newImage()
    const small = newOrigin({ limits: { ...defaultLimits, sourceBytesMax: 1000 } })
    expect(await (await small.get(`/v/${large.id}/_/${webp}`)).json()).toMatchObject({
      code: 'SOURCE_TOO_LARGE',
    })
    await small.settled()
    expect([...(await keysOf(broken.id)), ...(await keysOf(large.id))]).toEqual([])
  })

  it('renders again after a failure: a failed render is not shared for ever', async () => {
    const { id, s3Key } = await newImage({}, Buffer.from('not there yet'))
    const origin = newOrigin()
    expect((await origin.get(`/v/${id}/_/${webp}`)).status).toBe(422)
    await origin.settled()
    await originals.put(s3Key, photograph, { contentType: 'image/jpeg' })
    expect((await origin.get(`/v/${id}/_/${webp}`)).status).toBe(200)
  })

  it('answers 503 with Retry-After when the render queue is full, and recovers', async () => {
    const { id } = await newImage()
    const origin = newOrigin({ limits: { ...defaultLimits, rendersMax: 1, queuedRendersMax: 2 } })
    const widths = [56, 72, 88, 112, 136, 168, 216, 264]
    const responses = await Promise.all(widths.map((width) => origin.get(`/v/${id}/_/1-w${width}-q2.webp`)))
    const refused = responses.filter(({ status }) => status === 503)
    expect(refused.length).toBeGreaterThan(0)
    expect(refused.length).toBeLessThan(widths.length)
    expect(refused[0]!.headers.get('retry-after')).toMatch(/^\d+$/)
    await origin.settled()
    expect((await origin.get(`/v/${id}/_/1-w264-q2.webp`)).status).toBe(200)
  })

  it('serves a larger stored variant for some seconds when the render queue is full', async () => {
    const { id } = await newImage()
    const calm = newOrigin()
    const larger = await calm.get(`/v/${id}/${rev}/1-w800-q2.webp`)
    await calm.settled()
    const busy = newOrigin({ limits: { ...defaultLimits, rendersMax: 1, queuedRendersMax: 0 } })
    const response = await busy.get(`/v/${id}/${rev}/1-w640-q2.webp`)
    expect(response.status).toBe(200)
    expect(response.headers.get('cache-control')).toBe(makeshift)
    expect(response.headers.get('etag')).toBe(larger.headers.get('etag'))
    expect((await busy.get(`/v/${id}/${rev}/1-w1000-q2.webp`)).status).toBe(503)
    expect((await busy.get(`/v/${id}/${rev}/1-w640-q2.avif`)).status).toBe(503)
    expect(await busy.outcomes()).toMatchObject({ 'stand-in': 1, OVERLOADED: 2 })
  })

  it('keeps a render although there is no place for its master, which a later one makes', async () => {
    const { id } = await newImage({ width: 4000, height: 3000 }, Buffer.from(await largePhotograph()))
    const origin = newOrigin({ limits: { ...defaultLimits, rendersMax: 1, queuedRendersMax: 2 } })
    const widths = [264, 328, 416]
    const answers = await Promise.all(
      widths.map((width) => origin.get(`/v/${id}/${rev}/1-w${width}-q2.webp`)),
    )
    await origin.settled()
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
    expect(await origin.renders()).toBe(3)
    await origin.get(`/v/${id}/${rev}/1-w512-q2.webp`)
    await origin.settled()
    expect(await variants.head(`m/${id}/${rev}.jpg`)).not.toBeNull()
  })

  it('answers with the present picture when the original is replaced while a request waits', async () => {
    const image = await newImage()
    const replacing: ObjectStore = {
      ...originals,
      async get(key) {
        if (key === image.s3Key && (await metadata.get(image.id))?.version === 1) {
          const s3Key = `o/${image.id}/new.jpg`
          await originals.put(s3Key, photograph, { contentType: 'image/jpeg' })
          await metadata.update(image.id, { s3Key, rev: 'ffffffff', updatedAt: new Date().toISOString() }, 1)
          await originals.delete([image.s3Key])
        }
        return originals.get(key)
      },
    }
    const origin = newOrigin({ originals: replacing })
    const response = await origin.get(`/v/${image.id}/${rev}/${webp}`)
    await origin.settled()
    expect(response.status).toBe(200)
    expect(response.headers.get('cache-control')).toBe(mutable)
    expect(await keysOf(image.id)).toEqual([`v/${image.id}/ffffffff/${webp}`])
  })

  it('lets browsers keep the answer to a signed request for minutes, the CDN for a year', async () => {
    const { id } = await newImage({ visibility: 'private' })
    const origin = newOrigin()
    const response = await origin.get(`/v/${id}/p${rev}/${webp}`)
    await origin.settled()
    expect(response.headers.get('cache-control')).toBe(signedImmutable)
    expect((await variants.head(`v/${id}/p${rev}/${webp}`))?.cacheControl).toBe(signedImmutable)
    expect((await origin.get(`/v/${id}/${rev}/${webp}`)).status).toBe(404)
  })

  it('asks for the record as it is now: an old copy would be cached for a year', async () => {
    const { id } = await newImage()
    await metadata.update(id, { visibility: 'private', updatedAt: new Date().toISOString() }, 1)
    const shown = { ...(await metadata.get(id))!, visibility: 'public' as const }
    const lagging: MetadataStore = {
      ...metadata,
      get: async (key, options) => (options?.consistent === true ? metadata.get(key, options) : shown),
    }
    expect((await newOrigin({ metadata: lagging }).get(`/v/${id}/${rev}/${webp}`)).status).toBe(404)
  })

  it('answers though the variant cannot be stored, and counts it', async () => {
    const { id } = await newImage()
    const failing: ObjectStore = { ...variants, put: () => Promise.reject(new Error('no bucket')) }
    const metrics = new Registry()
    const origin = newOrigin({ variants: failing, metrics })
    expect((await origin.get(`/v/${id}/${rev}/${webp}`)).status).toBe(200)
    await origin.settled()
    const { values } = await metrics.getSingleMetric('tintype_variant_store_failures_total')!.get()
    expect(values[0]?.value).toBe(1)
  })

  it('answers 500 without details when a store is broken', async () => {
    const broken: MetadataStore = { ...metadata, get: () => Promise.reject(new Error('secret table name')) }
    const response = await newOrigin({ metadata: broken }).get(`/v/01JD0R3XW6ZQJ5Y5T1V9N4K8MH/_/${webp}`)
    expect(response.status).toBe(500)
    expect(await response.text()).not.toContain('secret')
  })

  it.each<[string, (record: ImageRecord) => Promise<unknown>]>([
    ['deleted', ({ id }) => metadata.delete(id, 1)],
    [
      'replaced',
      ({ id }) => metadata.update(id, { rev: 'ffffffff', updatedAt: new Date().toISOString() }, 1),
    ],
    [
      'made private',
      ({ id }) => metadata.update(id, { visibility: 'private', updatedAt: new Date().toISOString() }, 1),
    ],
  ])('takes back a variant whose image was %s while it was rendered', async (_, change) => {
    const record = await newImage()
    // The change comes between the render and the put, after whatever cleared the bucket.
    const late: ObjectStore = {
      ...variants,
      async put(...parameters) {
        await change(record)
        return variants.put(...parameters)
      },
    }
    const origin = newOrigin({ variants: late })
    expect((await origin.get(`/v/${record.id}/${rev}/${webp}`)).status).toBe(200)
    await origin.settled()
    expect(await keysOf(record.id)).toEqual([])
  })
})
