import { request, type IncomingMessage, type ServerResponse } from 'node:http'

import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { createEdge } from './edge-server.ts'
import {
  functionCode,
  gate,
  startEdge,
  startOrigin,
  until,
  type ControlledOrigin,
  type Viewer,
} from './edge-server.fixture.ts'
import { createOriginGroup } from './origin-group.ts'
import type { Origin } from './origin.ts'

let nowMs = Date.parse('2026-03-01T12:00:00Z')
const now = (): number => nowMs
const pass = (seconds: number): void => {
  nowMs += seconds * 1000
}

let origin: ControlledOrigin
let viewer: Viewer

/** An image that is fresh for a minute; 304 to whoever has it. */
function image(req: IncomingMessage, res: ServerResponse): void {
  const headers = { ETag: '"v1"', 'Cache-Control': 'public, s-maxage=60', 'Content-Type': 'image/webp' }
  if (req.headers['if-none-match'] === '"v1"') res.writeHead(304, headers).end()
  else res.writeHead(200, headers).end('0123456789')
}

function answer(status: number, headers: Record<string, string> = {}, body = String(status)) {
  return (_: IncomingMessage, res: ServerResponse): void => {
    res.writeHead(status, headers).end(body)
  }
}

beforeEach(async () => {
  origin = await startOrigin(image)
  viewer = await startEdge({ origin: origin.origin, now })
})
afterEach(async () => {
  await viewer.close()
  await origin.close()
})

describe('an answer', () => {
  it('is a Miss, then a Hit with Age, then a RefreshHit by a conditional request', async () => {
    const miss = await viewer.get('/a')
    expect(miss).toMatchObject({ status: 200, xCache: 'Miss', text: '0123456789' })
    expect(miss.headers['age']).toBeUndefined()

    pass(59)
    const hit = await viewer.get('/a')
    expect(hit).toMatchObject({ status: 200, xCache: 'Hit', text: '0123456789' })
    expect(hit.headers['age']).toBe('59')
    expect(origin.requests).toHaveLength(1)

    pass(1)
    const refreshed = await viewer.get('/a')
    expect(refreshed).toMatchObject({ status: 200, xCache: 'RefreshHit', text: '0123456789' })
    expect(origin.requests).toHaveLength(2)
    expect(origin.requests[1]!.headers['if-none-match']).toBe('"v1"')

    pass(30)
    const again = await viewer.get('/a')
    expect(again.xCache).toBe('Hit')
    expect(again.headers['age']).toBe('30')
    expect(origin.requests).toHaveLength(2)
    expect(viewer.edge.stats()).toMatchObject({
      requests: 4,
      hits: 2,
      misses: 1,
      refreshHits: 1,
      originRequests: 2,
    })
  })

  it('is a Miss when the expired image has changed', async () => {
    await viewer.get('/a')
    pass(60)
    origin.respond = answer(200, { ETag: '"v2"', 'Cache-Control': 's-maxage=60' }, 'new')
    expect(await viewer.get('/a')).toMatchObject({ xCache: 'Miss', text: 'new' })
    expect(await viewer.get('/a')).toMatchObject({ xCache: 'Hit', text: 'new' })
  })

  it('takes new headers and a new lifetime from a 304', async () => {
    await viewer.get('/a')
    pass(60)
    origin.respond = answer(304, { ETag: '"v1"', 'Cache-Control': 's-maxage=600' }, '')
    const refreshed = await viewer.get('/a')
    expect(refreshed.headers['cache-control']).toBe('s-maxage=600')
    expect(refreshed.headers['content-type']).toBe('image/webp')
    expect(refreshed.headers['content-length']).toBe('10')
    pass(599)
    expect((await viewer.get('/a')).xCache).toBe('Hit')
  })

  it('carries the headers of CloudFront and of the response headers policy', async () => {
    for (let i = 0; i < 2; i++) {
      const { headers } = await viewer.get('/a')
      expect(headers['via']).toMatch(/^1\.1 [0-9a-f]+\.cloudfront\.net \(CloudFront\)$/)
      expect(headers['x-amz-cf-pop']).toBeTruthy()
      expect(headers['x-amz-cf-id']).toMatch(/^[\w-]{54}==$/)
      expect(headers).toMatchObject({
        vary: 'Accept',
        'x-content-type-options': 'nosniff',
        'timing-allow-origin': '*',
        'cross-origin-resource-policy': 'cross-origin',
        'cache-control': 'public, s-maxage=60',
        'content-type': 'image/webp',
        etag: '"v1"',
      })
      expect(headers['strict-transport-security']).toBeUndefined()
    }
  })

  it('has an id of its own', async () => {
    const ids = await Promise.all(
      ['/a', '/a', '/b'].map(async (path) => (await viewer.get(path)).headers['x-amz-cf-id']),
    )
    expect(new Set(ids).size).toBe(3)
  })

  it('loses hop-by-hop headers, cookies and the Vary of the origin', async () => {
    origin.respond = answer(200, {
      Connection: 'x-hop, close',
      'X-Hop': '1',
      'X-End': '2',
      Vary: 'Cookie, User-Agent',
      'Set-Cookie': 'a=b',
      Age: '5',
      Via: '1.0 other',
      'X-Cache': 'Hit from elsewhere',
    })
    const { headers } = await viewer.get('/a')
    expect(headers['x-hop']).toBeUndefined()
    expect(headers['set-cookie']).toBeUndefined()
    expect(headers['age']).toBeUndefined()
    expect(headers).toMatchObject({ 'x-end': '2', vary: 'Accept', 'x-cache': 'Miss from cloudfront' })
    expect(headers['via']).not.toContain('other')
  })

  it('loses the Vary of the origin also where the policy has none', async () => {
    const other = await startEdge({ origin: origin.origin, now, responseHeaders: { 'X-Own': 'policy' } })
    origin.respond = answer(200, { Vary: 'Cookie', 'x-own': 'origin' })
    const { headers } = await other.get('/a')
    expect(headers['vary']).toBeUndefined()
    expect(headers['x-own']).toBe('policy')
    await other.close()
  })

  it('is keyed by the path alone, whatever the viewer sends', async () => {
    await viewer.get('/a?one=1', { cookie: 'a=b', accept: 'image/avif' })
    expect((await viewer.get('/a?two=2', { 'cache-control': 'no-cache', pragma: 'no-cache' })).xCache).toBe(
      'Hit',
    )
    expect(origin.requests).toHaveLength(1)
    expect(origin.requests[0]!.url).toBe('/a')
    expect(origin.requests[0]!.headers['cookie']).toBeUndefined()
    expect(origin.requests[0]!.headers['accept']).toBeUndefined()
    expect(origin.requests[0]!.headers['user-agent']).toBe('Amazon CloudFront')
    expect((await viewer.get('/A')).xCache).toBe('Miss')
  })

  it('reaches the origin under the raw path', async () => {
    await viewer.get('/a/%2e%2e/b/../c')
    expect(origin.requests[0]!.url).toBe('/a/%2e%2e/b/../c')
  })

  it('is fetched each time when it must not be stored', async () => {
    for (const cacheControl of ['no-store', 'private, max-age=60', 'no-cache']) {
      origin.respond = answer(200, { 'Cache-Control': cacheControl })
      expect((await viewer.get(`/${cacheControl.slice(0, 5)}`)).xCache).toBe('Miss')
      expect((await viewer.get(`/${cacheControl.slice(0, 5)}`)).xCache).toBe('Miss')
    }
    expect(origin.requests).toHaveLength(6)
  })

  it('is sent before handle returns when it is warm', async () => {
    await viewer.get('/a')
    const written: unknown[] = []
    const req = { method: 'GET', url: '/a', rawHeaders: [], socket: {} } as unknown as IncomingMessage
    const res = {
      writeHead: (...head: unknown[]) => written.push(...head),
      end: (body: unknown) => written.push(body),
    } as unknown as ServerResponse
    viewer.edge.handle(req, res)
    const [status, headers, body] = written
    expect(status).toBe(200)
    expect(headers).toContain('Hit from cloudfront')
    expect(String(body)).toBe('0123456789')
  })
})

describe('concurrent requests for one path', () => {
  it('share one fetch; those that waited are Hits', async () => {
    const { opened, open } = gate()
    origin.respond = (req, res) => void opened.then(() => image(req, res))
    const answers = Array.from({ length: 200 }, () => viewer.get('/a'))
    await until(() => viewer.edge.stats().requests === 200)
    open()
    const outcomes = (await Promise.all(answers)).map(({ xCache }) => xCache)
    expect(origin.requests).toHaveLength(1)
    expect(outcomes.filter((outcome) => outcome === 'Miss')).toHaveLength(1)
    expect(outcomes.filter((outcome) => outcome === 'Hit')).toHaveLength(199)
    expect(viewer.edge.stats()).toMatchObject({ originRequests: 1, hits: 199, misses: 1 })
    expect(viewer.edge.stats().tiers[0]).toMatchObject({ collapsed: 199, misses: 1 })
  })

  it('are not cancelled by a viewer that disconnects, even the first', async () => {
    const { opened, open } = gate()
    origin.respond = (req, res) => void opened.then(() => image(req, res))
    const first = request(`${viewer.baseUrl}/a`, { agent: false })
    first.on('error', () => undefined)
    first.end()
    await until(() => origin.requests.length === 1)
    const second = viewer.get('/a')
    await until(() => viewer.edge.stats().requests === 2)
    const closed = new Promise((resolve) => first.once('close', resolve))
    first.destroy()
    await closed
    open()
    expect(await second).toMatchObject({ status: 200, xCache: 'Hit', text: '0123456789' })
    expect((await viewer.get('/a')).xCache).toBe('Hit')
    expect(origin.requests).toHaveLength(1)
  })

  it('are fetched one by one when the answer may not be shared', async () => {
    const { opened, open } = gate()
    origin.respond = (_, res) =>
      void opened.then(() => res.writeHead(200, { 'Cache-Control': 'private' }).end('mine'))
    const answers = Array.from({ length: 5 }, () => viewer.get('/a'))
    await until(() => viewer.edge.stats().requests === 5)
    open()
    expect((await Promise.all(answers)).map(({ xCache }) => xCache)).toEqual(
      Array.from({ length: 5 }, () => 'Miss'),
    )
    expect(origin.requests).toHaveLength(5)
  })

  it('share an error too', async () => {
    const { opened, open } = gate()
    origin.respond = (_, res) => void opened.then(() => res.writeHead(503).end())
    const answers = Array.from({ length: 20 }, () => viewer.get('/a'))
    await until(() => viewer.edge.stats().requests === 20)
    open()
    for (const { status, xCache } of await Promise.all(answers)) {
      expect([status, xCache]).toEqual([503, 'Error'])
    }
    expect(origin.requests).toHaveLength(1)
  })
})

describe('an error of the origin', () => {
  it('404 is cached for its max-age, and is an Error each time', async () => {
    origin.respond = answer(404, { 'Cache-Control': 's-maxage=60' })
    expect(await viewer.get('/a')).toMatchObject({ status: 404, xCache: 'Error', text: '404' })
    pass(59)
    const cached = await viewer.get('/a')
    expect(cached).toMatchObject({ status: 404, xCache: 'Error', text: '404' })
    expect(cached.headers['age']).toBe('59')
    expect(origin.requests).toHaveLength(1)
    pass(1)
    origin.respond = image
    expect(await viewer.get('/a')).toMatchObject({ status: 200, xCache: 'Miss' })
  })

  it('404 without headers is cached for the error caching minimum TTL', async () => {
    origin.respond = answer(404)
    await viewer.get('/a')
    pass(9)
    await viewer.get('/a')
    expect(origin.requests).toHaveLength(1)
    pass(1)
    await viewer.get('/a')
    expect(origin.requests).toHaveLength(2)
  })

  it('403 is not cached unless the origin asks for it', async () => {
    origin.respond = answer(403)
    await viewer.get('/a')
    expect(await viewer.get('/a')).toMatchObject({ status: 403, xCache: 'Error' })
    expect(origin.requests).toHaveLength(2)
  })

  it('5xx leaves an expired image in service, and the origin alone for a while', async () => {
    await viewer.get('/a')
    pass(1000)
    origin.respond = answer(500)
    const stale = await viewer.get('/a')
    expect(stale).toMatchObject({ status: 200, text: '0123456789' })
    expect(stale.headers['age']).toBe('1000')
    pass(9)
    expect(await viewer.get('/a')).toMatchObject({ status: 200, xCache: 'Hit' })
    expect(origin.requests).toHaveLength(2)
    pass(1)
    origin.respond = image
    expect(await viewer.get('/a')).toMatchObject({ status: 200, xCache: 'RefreshHit' })
    expect(origin.requests).toHaveLength(3)
    expect((await viewer.get('/a')).headers['age']).toBe('0')
  })

  it('5xx is shown once stale-if-error is over', async () => {
    origin.respond = answer(200, { 'Cache-Control': 's-maxage=60, stale-if-error=30' })
    await viewer.get('/a')
    origin.respond = answer(500)
    pass(89)
    expect((await viewer.get('/a')).status).toBe(200)
    pass(10)
    expect(await viewer.get('/a')).toMatchObject({ status: 500, xCache: 'Error' })
  })

  it('4xx replaces an expired image', async () => {
    await viewer.get('/a')
    pass(60)
    origin.respond = answer(404)
    expect((await viewer.get('/a')).status).toBe(404)
  })

  it('an origin out of reach is 502, and leaves an expired image in service', async () => {
    await viewer.get('/a')
    await origin.close()
    expect(await viewer.get('/b')).toMatchObject({ status: 502, xCache: 'Error' })
    pass(60)
    expect(await viewer.get('/a')).toMatchObject({ status: 200, text: '0123456789' })
    origin = await startOrigin(image)
  })

  it('an answer that ends early is 502 and not stored', async () => {
    origin.respond = (_, res) => {
      res.writeHead(200, { 'Content-Length': '100', 'Cache-Control': 's-maxage=60' })
      res.write('half')
      setImmediate(() => res.destroy())
    }
    expect(await viewer.get('/a')).toMatchObject({ status: 502, xCache: 'Error' })
    pass(10)
    origin.respond = image
    expect(await viewer.get('/a')).toMatchObject({ status: 200, text: '0123456789' })
  })

  it('an origin in this process that throws is 502', async () => {
    const broken: Origin = () => Promise.reject(new TypeError('a bug'))
    const other = await startEdge({ origin: broken, now })
    expect((await other.get('/a')).status).toBe(502)
    await other.close()
  })
})

describe('stale-while-revalidate', () => {
  it('serves the expired image as a Hit and refreshes it once in the background', async () => {
    origin.respond = answer(200, { 'Cache-Control': 's-maxage=60, stale-while-revalidate=300' }, 'old')
    await viewer.get('/a')
    pass(100)
    const { opened, open } = gate()
    origin.respond = (_, res) =>
      void opened.then(() => res.writeHead(200, { 'Cache-Control': 's-maxage=60' }).end('new'))
    const stale = await viewer.get('/a')
    expect(stale).toMatchObject({ xCache: 'Hit', text: 'old' })
    expect(stale.headers['age']).toBe('100')
    expect(await viewer.get('/a')).toMatchObject({ xCache: 'Hit', text: 'old' })
    await until(() => origin.requests.length === 2)
    open()
    let last = await viewer.get('/a')
    while (last.text !== 'new') last = await viewer.get('/a')
    expect(last).toMatchObject({ xCache: 'Hit', text: 'new' })
    expect(last.headers['age']).toBe('0')
    expect(origin.requests).toHaveLength(2)
    // The refresh went through to the origin: no tier on the way answered with its own stale image.
    expect(viewer.edge.stats().tiers.slice(1)).toMatchObject([{ hits: 0 }, { hits: 0 }])
  })

  it('asks the origin first once the window is over', async () => {
    origin.respond = answer(200, { 'Cache-Control': 's-maxage=60, stale-while-revalidate=300' }, 'old')
    await viewer.get('/a')
    pass(360)
    origin.respond = answer(200, {}, 'new')
    expect(await viewer.get('/a')).toMatchObject({ xCache: 'Miss', text: 'new' })
  })
})

describe('failover', () => {
  let secondary: ControlledOrigin
  let grouped: Viewer
  beforeEach(async () => {
    secondary = await startOrigin(answer(200, { 'Cache-Control': 's-maxage=60' }, 'rendered'))
    grouped = await startEdge({
      origin: createOriginGroup({ primary: origin.origin, secondary: secondary.origin }),
      now,
    })
  })
  afterEach(async () => {
    await grouped.close()
    await secondary.close()
  })

  it.each([404, 500, 503, 504])('%i of the primary: the secondary answers', async (status) => {
    origin.respond = answer(status)
    expect(await grouped.get('/a')).toMatchObject({ status: 200, xCache: 'Miss', text: 'rendered' })
    expect(secondary.requests[0]!.url).toBe('/a')
    expect((await grouped.get('/a')).xCache).toBe('Hit')
    expect(secondary.requests).toHaveLength(1)
  })

  it.each([400, 403, 416, 502])('%i of the primary is the answer', async (status) => {
    origin.respond = answer(status)
    expect(await grouped.get('/a')).toMatchObject({ status, xCache: 'Error' })
    expect(secondary.requests).toHaveLength(0)
  })

  it('a primary out of reach: the secondary answers', async () => {
    await origin.close()
    expect(await grouped.get('/a')).toMatchObject({ status: 200, text: 'rendered' })
    origin = await startOrigin(image)
  })

  it('keeps the condition when it fails over', async () => {
    secondary.respond = image
    origin.respond = answer(404)
    await grouped.get('/a')
    pass(60)
    expect(await grouped.get('/a')).toMatchObject({ status: 200, xCache: 'RefreshHit' })
    expect(secondary.requests[1]!.headers['if-none-match']).toBe('"v1"')
  })
})

describe('a viewer with conditions, ranges or HEAD', () => {
  it.each(['cold', 'warm'])('gets 304 for the entity tag it has, from a %s cache', async (state) => {
    if (state === 'warm') await viewer.get('/a')
    const { status, headers, text } = await viewer.get('/a', { 'if-none-match': 'W/"v1"' })
    expect([status, text]).toEqual([304, ''])
    expect(headers).toMatchObject({ etag: '"v1"', 'cache-control': 'public, s-maxage=60', vary: 'Accept' })
    expect(headers['content-length']).toBeUndefined()
    expect(headers['content-type']).toBeUndefined()
  })

  it.each(['cold', 'warm'])('gets a part of the image from a %s cache', async (state) => {
    if (state === 'warm') await viewer.get('/a')
    const { status, headers, text } = await viewer.get('/a', { range: 'bytes=2-4' })
    expect([status, text]).toEqual([206, '234'])
    expect(headers).toMatchObject({
      'content-range': 'bytes 2-4/10',
      'content-length': '3',
      'content-type': 'image/webp',
    })
    expect(origin.requests).toHaveLength(1)
    expect(origin.requests[0]!.headers['range']).toBeUndefined()
    expect((await viewer.get('/a')).text).toBe('0123456789')
  })

  it('gets the whole for odd ranges, 416 beyond the end', async () => {
    expect(await viewer.get('/a', { range: 'bytes=0-1,4-5' })).toMatchObject({
      status: 200,
      text: '0123456789',
    })
    const beyond = await viewer.get('/a', { range: 'bytes=10-' })
    expect(beyond).toMatchObject({ status: 416, text: '' })
    expect(beyond.headers['content-range']).toBe('bytes */10')
  })

  it('gets the whole when If-Range does not match', async () => {
    const headers = { range: 'bytes=0-1', 'if-range': '"v0"' }
    expect((await viewer.get('/a', headers)).status).toBe(200)
    expect((await viewer.get('/a', { ...headers, 'if-range': '"v1"' })).status).toBe(206)
  })

  it('fills the cache with HEAD, and gets no body', async () => {
    const head = await viewer.get('/a', {}, 'HEAD')
    expect(head).toMatchObject({ status: 200, xCache: 'Miss', text: '' })
    expect(head.headers['content-length']).toBe('10')
    expect(origin.requests[0]!.method).toBe('GET')
    expect(await viewer.get('/a')).toMatchObject({ xCache: 'Hit', text: '0123456789' })
    expect(await viewer.get('/a', {}, 'HEAD')).toMatchObject({ xCache: 'Hit', text: '' })
    expect(origin.requests).toHaveLength(1)
  })

  it('gets 403 for a method that the function lets pass but the distribution does not', async () => {
    expect(await viewer.get('/a', {}, 'DELETE')).toMatchObject({ status: 403, xCache: 'Error' })
    expect(origin.requests).toHaveLength(0)
  })
})

describe('invalidation', () => {
  it('reaches all tiers', async () => {
    await viewer.get('/v/a/1')
    await viewer.get('/v/b/1')
    viewer.edge.invalidate(['/v/a/*'])
    expect((await viewer.get('/v/a/1')).xCache).toBe('Miss')
    expect((await viewer.get('/v/b/1')).xCache).toBe('Hit')
    expect(origin.requests.map(({ url }) => url)).toEqual(['/v/a/1', '/v/b/1', '/v/a/1'])
    expect(origin.requests[2]!.headers['if-none-match']).toBeUndefined()
  })

  it('keeps out what was fetched before it, and those who ask after it from that fetch', async () => {
    const { opened, open } = gate()
    origin.respond = (_, res) =>
      void opened.then(() => res.writeHead(200, { 'Cache-Control': 's-maxage=60' }).end('old'))
    const before = viewer.get('/a')
    await until(() => origin.requests.length === 1)
    viewer.edge.invalidate(['/a'])
    origin.respond = answer(200, { 'Cache-Control': 's-maxage=60' }, 'new')
    expect(await viewer.get('/a')).toMatchObject({ xCache: 'Miss', text: 'new' })
    open()
    expect(await before).toMatchObject({ text: 'old' })
    expect(await viewer.get('/a')).toMatchObject({ xCache: 'Hit', text: 'new' })
    for (const tier of viewer.edge.stats().tiers) expect(tier.entries).toBe(1)
  })

  it('keeps out a background refresh that began before it', async () => {
    origin.respond = answer(200, { 'Cache-Control': 's-maxage=60, stale-while-revalidate=300' }, 'old')
    await viewer.get('/a')
    pass(100)
    const { opened, open } = gate()
    let answered = false
    origin.respond = (_, res) =>
      void opened.then(() =>
        res.writeHead(200, { 'Cache-Control': 's-maxage=60' }).end('refreshed', () => {
          answered = true
        }),
      )
    await viewer.get('/a')
    await until(() => origin.requests.length === 2)
    viewer.edge.invalidate(['/*'])
    open()
    await until(() => answered)
    origin.respond = answer(200, {}, 'new')
    expect(await viewer.get('/a')).toMatchObject({ text: 'new' })
  })

  it('removes cached errors', async () => {
    origin.respond = answer(404)
    await viewer.get('/a')
    viewer.edge.invalidate(['/a'])
    origin.respond = image
    expect((await viewer.get('/a')).status).toBe(200)
  })

  it('refuses a path that CloudFront would refuse, and then removes nothing', async () => {
    await viewer.get('/a')
    expect(() => viewer.edge.invalidate(['/a', '/*/b'])).toThrow(RangeError)
    expect((await viewer.get('/a')).xCache).toBe('Hit')
  })
})

describe('tiers', () => {
  it('evicts the least recently used beyond its bytes, and finds it again a tier further', async () => {
    const tiers = [
      { name: 'pop', bytesMax: 25_000 },
      { name: 'shield', bytesMax: 1_000_000 },
    ]
    const small = await startEdge({ origin: origin.origin, now, tiers })
    origin.respond = answer(200, { 'Cache-Control': 's-maxage=60' }, 'x'.repeat(10_000))
    await small.get('/a')
    await small.get('/b')
    await small.get('/a')
    await small.get('/c')
    expect(small.edge.stats().tiers[0]).toMatchObject({ name: 'pop', entries: 2, evictions: 1 })
    expect(small.edge.stats().tiers[0]!.bytes).toBeLessThanOrEqual(25_000)
    expect(origin.requests).toHaveLength(3)

    expect((await small.get('/a')).xCache).toBe('Hit')
    expect(small.edge.stats().tiers[1]).toMatchObject({ hits: 0, misses: 3 })
    expect((await small.get('/b')).xCache).toBe('Hit')
    expect(small.edge.stats().tiers[1]).toMatchObject({ hits: 1, misses: 3 })
    expect(origin.requests).toHaveLength(3)
    await small.close()
  })

  it('does not store what is larger than the tier', async () => {
    const small = await startEdge({ origin: origin.origin, now, tiers: [{ name: 'pop', bytesMax: 1000 }] })
    origin.respond = answer(200, { 'Cache-Control': 's-maxage=60' }, 'x'.repeat(10_000))
    await small.get('/a')
    expect(await small.get('/a')).toMatchObject({ status: 200, xCache: 'Miss' })
    expect(small.edge.stats().tiers[0]).toMatchObject({ entries: 0, bytes: 0 })
    await small.close()
  })

  it('counts the age from the origin, not from the tier', async () => {
    const tiers = [
      { name: 'pop', bytesMax: 15_000 },
      { name: 'shield', bytesMax: 1_000_000 },
    ]
    const small = await startEdge({ origin: origin.origin, now, tiers })
    origin.respond = answer(200, { 'Cache-Control': 's-maxage=60' }, 'x'.repeat(10_000))
    await small.get('/a')
    await small.get('/b')
    pass(40)
    const { headers } = await small.get('/a')
    expect(headers['age']).toBe('40')
    pass(20)
    expect((await small.get('/a')).xCache).toBe('Miss')
    await small.close()
  })

  it('needs one at least', () => {
    expect(() => createEdge({ functionCode, origin: origin.origin, tiers: [] })).toThrow(RangeError)
  })
})

describe('the edge function', () => {
  it('gets the request as the viewer sent it', async () => {
    const { text } = await viewer.get('/function/event?w=1&empty&%77=a%20b&w=2&__proto__=x', {
      accept: 'image/avif,image/webp',
      'X-Mixed': 'Case',
      cookie: 'a=1; b=2; a=3',
    })
    const event = JSON.parse(text) as Record<string, unknown>
    expect(event).toMatchObject({
      version: '1.0',
      viewer: { ip: '127.0.0.1' },
      request: {
        method: 'GET',
        uri: '/function/event',
        headers: { accept: { value: 'image/avif,image/webp' }, 'x-mixed': { value: 'Case' } },
        cookies: { a: { value: '1', multiValue: [{ value: '1' }, { value: '3' }] }, b: { value: '2' } },
      },
    })
    expect(text).toContain(
      '"querystring":{"w":{"value":"1","multiValue":[{"value":"1"},{"value":"2"}]},"empty":{"value":""},"%77":{"value":"a%20b"},"__proto__":{"value":"x"}}',
    )
    expect(text).not.toContain('"cookie":')
  })

  it('answers itself', async () => {
    const response = await viewer.get('/function/response')
    expect(response).toMatchObject({
      status: 418,
      statusMessage: 'Teapot',
      text: 'tea',
      xCache: 'FunctionGeneratedResponse',
    })
    expect(response.headers).toMatchObject({ vary: 'Accept', 'x-own': 'a, b', 'content-length': '3' })
    expect((await viewer.get('/function/response', {}, 'HEAD')).text).toBe('')
    expect(origin.requests).toHaveLength(0)
  })

  it('may be asynchronous', async () => {
    const other = await startEdge({ origin: origin.origin, now, kvs: new Map([['target', '/elsewhere']]) })
    expect((await other.get('/function/async')).status).toBe(200)
    expect(origin.requests[0]!.url).toBe('/elsewhere')
    await other.close()
  })

  it.each([
    ['/function/throw', 'FunctionExecutionError'],
    ['/function/reject', 'FunctionExecutionError'],
    ['/function/async', 'FunctionExecutionError'],
    ['/function/invalid', 'FunctionValidationError'],
  ])('%s is 503 with %s, and tells the log why', async (path, xCache) => {
    const lines: string[] = []
    const other = await startEdge({ origin: origin.origin, now, log: (line) => lines.push(line) })
    const failed = await other.get(path)
    expect(failed).toMatchObject({ status: 503, xCache })
    expect(failed.text).not.toMatch(/broken function|KeyNotFound/)
    expect(lines).toHaveLength(1)
    expect(other.edge.stats()).toMatchObject({ functionErrors: 1, originRequests: 0 })
    expect((await other.get('/a')).status).toBe(200)
    await other.close()
  })

  it('gets a URL that is longer than CloudFront takes', async () => {
    expect((await viewer.get(`/${'a'.repeat(9000)}`)).status).toBe(200)
    expect(origin.requests[0]!.url).toHaveLength(9001)
  })
})

describe('close', () => {
  it('refuses what comes later', async () => {
    await viewer.get('/a')
    viewer.edge.close()
    expect(await viewer.get('/a')).toMatchObject({ status: 503, xCache: 'Error' })
    expect(origin.requests).toHaveLength(1)
  })
})
