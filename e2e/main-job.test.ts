import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bandNames, formats, presets, rungs } from '../core/ladder.ts'
import { largePhotograph } from '../local/large-photograph.ts'
import { photographs } from '../local/photographs.ts'
import { loadSharp } from '../runtime/sharp.ts'
import {
  counter,
  type ImageJson,
  rawGet,
  startTestSystem,
  type TestSystem,
  tokenFor,
  upload,
} from './test-system.ts'

const chrome = { accept: 'image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8' }
const renders = (): Promise<number> => counter(system.url, 'tintype_renders_total')

let system: TestSystem
let token: string
let image: ImageJson

beforeAll(async () => {
  system = await startTestSystem()
  token = await tokenFor(system.url, 'user-1')
  const response = await upload(system.url, token, await largePhotograph())
  expect(response.status).toBe(201)
  image = (await response.json()) as ImageJson
})

afterAll(() => system.remove())

/** The edge's answer for this image. */
function get(query: string, headers: Record<string, string> = chrome) {
  return rawGet(system.url, `/i/${image.id}${query}`, headers)
}

describe('upload, deliver, hit', () => {
  it('says with the upload where the pictures are', async () => {
    expect(image).toMatchObject({ width: 4000, height: 3000, mimeType: 'image/jpeg' })
    expect(image.srcset).toContain(' 640w')
    for (const url of [
      image.imageUrl,
      image.thumbnailUrl,
      ...image.srcset.split(', ').map((each) => each.split(' ')[0]!),
    ]) {
      const response = await fetch(url, { headers: chrome })
      expect(response.status).toBe(200)
      expect(response.headers.get('content-type')).toBe('image/avif')
      expect(response.headers.get('cache-control')).toContain('immutable')
    }
  })

  it('delivers what each srcset descriptor promises', async () => {
    const sharp = await loadSharp()
    for (const candidate of image.srcset.split(', ')) {
      const [url, descriptor] = candidate.split(' ') as [string, string]
      const bytes = await (await fetch(url)).arrayBuffer()
      expect(`${(await sharp(bytes).metadata()).width}w`).toBe(descriptor)
    }
  })

  it('misses once, then hits', async () => {
    const first = await get('?w=512')
    const second = await get('?w=512')
    expect(first.headers['x-cache']).toBe('Miss from cloudfront')
    expect(second.headers['x-cache']).toBe('Hit from cloudfront')
    expect(second.headers['content-type']).toBe('image/avif')
    expect(second.body).toEqual(first.body)
    expect((await (await loadSharp())(second.body).metadata()).width).toBe(512)
  })

  it.each([
    ['image/avif,image/webp', 'image/avif'],
    ['image/webp,*/*', 'image/webp'],
    ['*/*', 'image/jpeg'],
    ['image/avif;q=0,image/webp;q=0.1,image/jpeg;q=0', 'image/webp'],
  ])('delivers to Accept: %s as %s', async (accept, contentType) => {
    const response = await get('?w=416', { accept })
    expect(response.headers['content-type']).toBe(contentType)
    expect(response.headers['vary']).toMatch(/accept/i)
  })

  it('gives five spellings one key', async () => {
    await get('?w=640')
    const before = await renders()
    for (const query of ['?w=601', '?w=640&utm=1', '?W=640', '?dpr=2&w=320', '?w=320&utm=2&dpr=2']) {
      expect((await get(query)).headers['x-cache']).toBe('Hit from cloudfront')
    }
    expect(await renders()).toBe(before)
  })

  it('needs no new render after a restart', async () => {
    const before = await get('?w=800')
    await system.restart()
    const after = await get('?w=800')
    expect(after.headers['x-cache']).toBe('Miss from cloudfront')
    expect(after.body).toEqual(before.body)
    expect(await renders()).toBe(0)
    expect((await get('?w=800')).headers['x-cache']).toBe('Hit from cloudfront')
  })

  it('keeps tokens and images over a restart', async () => {
    const response = await fetch(`${system.url}/images/${image.id}`, {
      headers: { authorization: `Bearer ${token}` },
    })
    expect(response.status).toBe(200)
  })
})

describe('a refusal that does not wait for the body', () => {
  it('reaches every client, however much it sends', async () => {
    const file = await largePhotograph()
    const send = async (): Promise<number> => (await upload(system.url, 'no token', file)).status
    const statuses = new Set<number>()
    for (let round = 0; round < 5; round++)
      for (const each of await Promise.all([send(), send()])) statuses.add(each)
    expect([...statuses]).toEqual([401])
  })
})

describe('what ends at the edge function', () => {
  it.each([
    '?w=abc',
    '?w=-1',
    '?w=1e9',
    '?dpr=NaN',
    '?w=640&dpr=NaN',
    `?x=${'y'.repeat(9000)}`,
    '/%2e%2e/x',
    '%2e%2e',
    '%5c',
    '%00',
    '/../../etc/passwd',
  ])('400 for /i/<id>%s', async (rest) => {
    const before = await counter(system.url, 'tintype_origin_requests_total')
    const response = await get(rest)
    expect(response.status).toBe(400)
    expect(response.headers['x-cache']).toBe('FunctionGeneratedResponse from cloudfront')
    expect(JSON.parse(response.body.toString())).toHaveProperty('code')
    expect(await counter(system.url, 'tintype_origin_requests_total')).toBe(before)
  })

  it.each(['/i/%2e%2e/%2e%2e/images', '/%2e%2e/images', '/i/..%2f..%2fimages', '/v/x', '/nope'])(
    '400 for %s',
    async (path) => {
      expect((await rawGet(system.url, path)).status).toBe(400)
    },
  )
})

describe('ten thousand random query strings', () => {
  it('cause at most as many renders as the ladder has variants', { timeout: 300_000 }, async () => {
    const response = await upload(system.url, token, new Uint8Array(readFileSync(photographs[1]!.path)))
    const small = (await response.json()) as ImageJson
    const random = randomFrom(11)
    const before = await renders()
    const statuses = new Map<number, number>()
    let sent = 0
    const worker = async (): Promise<void> => {
      while (sent++ < 10_000) {
        const { status } = await rawGet(system.url, `/i/${small.id}?${randomQuery(random)}`, {
          accept: pick(random, ['image/avif', 'image/webp', '*/*']),
        })
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
      }
    }
    await Promise.all(Array.from({ length: 16 }, worker))
    const caused = (await renders()) - before
    const possible = (rungs.length * bandNames.length + Object.keys(presets).length) * formats.length
    expect([...statuses.keys()].toSorted((a, b) => a - b)).toEqual([200, 400])
    expect(statuses.get(200)).toBeGreaterThan(3000)
    expect(caused).toBeGreaterThan(0)
    expect(caused).toBeLessThanOrEqual(possible)
  })
})

function pick<Item>(random: () => number, items: readonly Item[]): Item {
  return items[Math.floor(random() * items.length)]!
}

/** Anything a page, a tracker or an attacker might write, without ratios; one in ten is malformed. */
function randomQuery(random: () => number): string {
  const whole = (max: number): string => String(1 + Math.floor(random() * max))
  const hex = (): string =>
    Math.floor(random() * 2 ** 32)
      .toString(16)
      .padStart(8, '0')
  const values: Record<string, () => string> = {
    w: () => whole(8192),
    W: () => whole(8192),
    dpr: () => pick(random, ['1', '2', '1.5', '2.625']),
    q: () => pick(random, ['low', 'medium', 'high', whole(100)]),
    f: () => pick(random, ['webp', 'avif', 'jpeg', 'png']),
    r: hex,
    utm: hex,
    fbclid: hex,
  }
  const names = Object.keys(values).filter(() => random() < 0.4)
  const query = names.map((name) => `${name}=${values[name]!()}`)
  if (random() < 0.1) query.push(pick(random, ['w=abc', 'dpr=NaN', 'q=0', 'f=', 'w=-1']))
  return query.join('&')
}

/** A linear congruential generator (Numerical Recipes) with a seed, so that a failure can be repeated. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
