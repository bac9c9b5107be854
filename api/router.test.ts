import { Registry } from 'prom-client'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { problemStatus } from './problems.ts'
import { memoryRateLimits } from './rate-limits.ts'
import { photograph, plainPng } from './testing/pictures.ts'
import {
  createTestApi,
  createTestWorld,
  formOf,
  problemIn,
  refusal,
  type TestApi,
  type TestWorld,
} from './testing/test-api.ts'

let world: TestWorld
let app: TestApi

beforeAll(async () => {
  world = await createTestWorld()
  return world.stop
})

beforeEach(async () => {
  app = await createTestApi(world)
})

/** Every path, with its methods. */
const allowed: Record<string, string> = {
  '/images': 'GET, HEAD, POST, OPTIONS',
  '/images/{id}': 'GET, HEAD, PATCH, DELETE, OPTIONS',
  '/images/{id}/original': 'PUT, OPTIONS',
  '/images/{id}/ledger': 'GET, HEAD, OPTIONS',
  '/ledger': 'GET, HEAD, OPTIONS',
  '/images/{id}/signatures': 'POST, OPTIONS',
  '/uploads': 'POST, OPTIONS',
  '/uploads/{id}/complete': 'POST, OPTIONS',
  '/health': 'GET, HEAD, OPTIONS',
  '/metrics': 'GET, HEAD, OPTIONS',
  '/openapi.json': 'GET, HEAD, OPTIONS',
  '/docs': 'GET, HEAD, OPTIONS',
  '/docs/{file}': 'GET, HEAD, OPTIONS',
}

describe('routes', () => {
  it('answer 405 with Allow to another method', async () => {
    for (const [path, methods] of Object.entries(allowed)) {
      const response = await app.call('PROPFIND', path)
      expect([path, response.headers.get('allow')]).toEqual([path, methods])
      expect(await refusal(response)).toBe('405 METHOD_NOT_ALLOWED')
    }
  })

  it.each(['/', '/image', '/images/a/b', '/uploads/a', '/docs/package.json', '/docs/a/b', '/docs/__proto__'])(
    'answer 404 on %s, where there is nothing',
    async (path) => {
      expect(await refusal(await app.call('GET', path))).toBe('404 NOT_FOUND')
    },
  )

  it('answer HEAD as GET, without the body', async () => {
    const { id } = await app.upload(photograph())
    for (const path of [`/images/${id}`, '/images', '/health', '/openapi.json', '/docs']) {
      const [get, head] = [await app.call('GET', path), await app.call('HEAD', path)]
      expect([path, head.status, await head.text()]).toEqual([path, 200, ''])
      expect(head.headers.get('content-type')).toBe(get.headers.get('content-type'))
      expect(head.headers.get('etag')).toBe(get.headers.get('etag'))
    }
    expect((await app.call('HEAD', '/images/nonsense')).status).toBe(404)
  })
})

describe('every answer', () => {
  it('carries a request id: a sane one of the caller, or a random one', async () => {
    const idOf = async (given?: string) =>
      (
        await app.call('GET', '/health', { headers: given === undefined ? {} : { 'x-request-id': given } })
      ).headers.get('x-request-id')
    expect(await idOf('1-67a/b=')).toBe('1-67a/b=')
    for (const given of [undefined, 'a b', 'x'.repeat(129), 'a"b'])
      expect(await idOf(given)).toMatch(/^[0-9a-f-]{36}$/)
    const response = await app.call('GET', '/nothing', { headers: { 'x-request-id': 'mine' } })
    expect((await problemIn(response)).requestId).toBe('mine')
  })

  it('leaves one line in the log: what, how it ended, and for whom', async () => {
    const { id } = await app.upload(photograph())
    await app.call('GET', `/images/${id}?x=1`, { headers: { 'x-request-id': 'r1' } })
    expect(app.lines.at(-1)).toMatchObject({
      method: 'GET',
      route: '/images/:id',
      status: 200,
      requestId: 'r1',
      userId: 'ann',
      durationMs: expect.any(Number),
    })
    await app.call('GET', '/nothing', { as: null })
    expect(app.lines.at(-1)).toMatchObject({ route: 'unknown', status: 404 })
  })

  it('tells nothing of an error of ours, which the log tells with the request id', async () => {
    const broken = await createTestApi(world, {
      metadata: { ...world.metadata, get: () => Promise.reject(new Error('password is hunter2')) },
    })
    const response = await broken.call('GET', '/images/01JD0R3XW6ZQJ5Y5T1V9N4K8MH', {
      headers: { 'x-request-id': 'r2' },
    })
    const problem = await problemIn(response)
    expect([problem.status, problem.code]).toEqual([500, 'INTERNAL'])
    expect(JSON.stringify(problem)).not.toContain('hunter2')
    const line = broken.lines.find(({ msg }) => msg === 'request failed')
    expect(line).toMatchObject({ requestId: 'r2', err: { message: 'password is hunter2' } })
  })

  it('is a 503 where a store is out of reach for now', async () => {
    const unreachable = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })
    const broken = await createTestApi(world, {
      metadata: {
        ...world.metadata,
        list: () => Promise.reject(new Error('list failed', { cause: unreachable })),
      },
    })
    const response = await broken.call('GET', '/images')
    expect(response.headers.get('retry-after')).toBe('5')
    expect(await refusal(response)).toBe('503 UNAVAILABLE')
  })
})

describe('CORS', () => {
  const from = (origin: string) => app.call('GET', '/health', { as: null, headers: { origin } })

  it.each(['https://app.test', 'https://a.example.com', 'https://a.b.example.com'])(
    'lets %s read',
    async (origin) => {
      const { headers } = await from(origin)
      expect(headers.get('access-control-allow-origin')).toBe(origin)
      expect(headers.get('access-control-allow-credentials')).toBeNull()
      expect(headers.get('vary')).toContain('Origin')
      const exposed = headers.get('access-control-expose-headers')!.split(', ')
      expect(exposed).toEqual(
        expect.arrayContaining(['etag', 'ratelimit', 'ratelimit-policy', 'retry-after', 'x-request-id']),
      )
    },
  )

  it.each([
    'https://example.com',
    'http://a.example.com',
    'https://aexample.com',
    'https://a.example.com.evil.test',
    'https://a.exampleXcom',
    'https://evil.test#.example.com',
    'https://app.test.evil.test',
    'evilhttps://app.test',
    'null',
  ])('does not let %s read', async (origin) => {
    const { headers } = await from(origin)
    expect(headers.get('access-control-allow-origin')).toBeNull()
    expect(headers.get('vary')).toContain('Origin')
  })

  it('answers preflights with what the path allows, without a token', async () => {
    const headers = {
      origin: 'https://app.test',
      'access-control-request-method': 'PATCH',
      'access-control-request-headers': 'authorization, if-match',
    }
    const response = await app.call('OPTIONS', '/images/01JD0R3XW6ZQJ5Y5T1V9N4K8MH', { as: null, headers })
    expect(response.status).toBe(204)
    expect(response.headers.get('access-control-allow-origin')).toBe('https://app.test')
    expect(response.headers.get('access-control-allow-methods')).toContain('PATCH')
    for (const name of ['authorization', 'content-type', 'idempotency-key', 'if-match', 'if-none-match']) {
      expect(response.headers.get('access-control-allow-headers')).toContain(name)
    }
  })

  it('lets pages read refusals too', async () => {
    const response = await app.call('GET', '/images', { as: null, headers: { origin: 'https://app.test' } })
    expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([
      401,
      'https://app.test',
    ])
  })
})

describe('rate limits', () => {
  const counts = { uploadsPerMinute: 3, uploadsPerHour: 4, changesPerMinute: 2 }

  it('refuse the upload above the limit of a minute, and tell how long to wait', async () => {
    const limited = await createTestApi(world, { rateLimits: memoryRateLimits(counts) })
    const file = await plainPng(100, 100)
    const upload = (as: string) => limited.call('POST', '/images', { as, body: formOf(file) })
    const first = await upload('ann')
    expect(first.status).toBe(201)
    expect(first.headers.get('ratelimit-policy')).toBe('"uploads";q=3;w=60, "uploads-hour";q=4;w=3600')
    expect(first.headers.get('ratelimit')).toMatch(/^"uploads";r=2;t=\d+, "uploads-hour";r=3;t=\d+$/)
    await upload('ann')
    // Beginning a direct upload counts as one too.
    const json = { filename: 'a.jpg', mimeType: 'image/jpeg', bytes: 10 }
    expect((await limited.call('POST', '/uploads', { json })).status).toBe(201)
    const refused = await upload('ann')
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(60)
    expect(refused.headers.get('ratelimit')).toMatch(/^"uploads";r=0;t=\d+$/)
    expect(await refusal(refused)).toBe('429 RATE_LIMITED')
    expect((await upload('bob')).status).toBe(201)
  })

  it('refuse the upload above the limit of an hour', async () => {
    const limited = await createTestApi(world, {
      rateLimits: memoryRateLimits({ ...counts, uploadsPerHour: 1 }),
    })
    const file = await plainPng(100, 100)
    const statuses: number[] = []
    for (let n = 0; n < 2; n++)
      statuses.push((await limited.call('POST', '/images', { body: formOf(file) })).status)
    expect(statuses).toEqual([201, 429])
  })

  it('refuse changes above their limit, and never reads', async () => {
    const limited = await createTestApi(world, { rateLimits: memoryRateLimits(counts) })
    const { id } = await limited.upload(await plainPng(100, 100))
    const patch = (version: number) =>
      limited.call('PATCH', `/images/${id}`, { json: { version, title: 'x' } })
    expect([(await patch(1)).status, (await patch(2)).status, (await patch(3)).status]).toEqual([
      200, 200, 429,
    ])
    expect(await refusal(await limited.call('DELETE', `/images/${id}`))).toBe('429 RATE_LIMITED')
    const read = await limited.call('GET', `/images/${id}`)
    expect([read.status, read.headers.get('ratelimit')]).toEqual([200, null])
  })

  it('do not hold for a service, which writes for all users', async () => {
    const limited = await createTestApi(world, {
      rateLimits: memoryRateLimits({ ...counts, uploadsPerMinute: 1 }),
    })
    const file = await plainPng(100, 100)
    for (let n = 0; n < 3; n++) await limited.upload(file, { scope: 'images:service' })
  })

  it('limit nobody while their store is broken', async () => {
    const rateLimits = memoryRateLimits(counts)
    rateLimits.uploadsPerMinute.consume = () => Promise.reject(new Error('no table'))
    const limited = await createTestApi(world, { rateLimits })
    await limited.upload(await plainPng(100, 100))
    expect(limited.lines.some(({ msg }) => msg === 'rate limiter failed')).toBe(true)
  })
})

describe('GET /metrics', () => {
  it('counts requests by route, and uploads by how they end', async () => {
    await app.upload(await plainPng(100, 100))
    await app.call('POST', '/images', { body: formOf(Buffer.from('text')) })
    const { id } = await app.upload(await plainPng(100, 100))
    await app.call('DELETE', `/images/${id}`)
    const response = await app.call('GET', '/metrics', { as: null })
    expect(response.headers.get('content-type')).toContain('text/plain')
    const text = await response.text()
    expect(text).toContain(
      'tintype_api_request_duration_seconds_count{method="POST",route="/images",status="201"} 2',
    )
    expect(text).toContain(
      'tintype_api_request_duration_seconds_count{method="DELETE",route="/images/:id",status="204"} 1',
    )
    expect(text).toContain('tintype_uploads_total{outcome="stored"} 2')
    expect(text).toContain('tintype_uploads_total{outcome="INVALID_FILE_TYPE"} 1')
    expect(text).toContain('tintype_tidied_images_total{outcome="tidied"} 1')
  })

  it('shares a registry with others', async () => {
    const metrics = new Registry()
    await createTestApi(world, { metrics })
    const second = await createTestApi(world, { metrics })
    expect((await second.call('GET', '/metrics')).status).toBe(200)
  })
})

describe('the description of the API', () => {
  interface Document {
    openapi: string
    paths: Record<
      string,
      Record<string, { responses: Record<string, { description: string }>; security: object[] }>
    >
    components: { schemas: Record<string, { properties: Record<string, unknown> }> }
  }
  const describing = async (): Promise<Document> =>
    (await (await app.call('GET', '/openapi.json', { as: null })).json()) as Document

  it('covers every route and method', async () => {
    const { openapi, paths } = await describing()
    expect(openapi).toBe('3.1.0')
    expect(Object.keys(paths).toSorted()).toEqual(Object.keys(allowed).toSorted())
    for (const [path, methods] of Object.entries(paths)) {
      const described = Object.keys(methods).map((method) => method.toUpperCase())
      const known = allowed[path]!.split(', ').filter((method) => method !== 'HEAD' && method !== 'OPTIONS')
      expect([path, described]).toEqual([path, known])
    }
  })

  it('names every code, under its status', async () => {
    const { paths } = await describing()
    const named = new Map<string, number>()
    for (const { responses } of Object.values(paths).flatMap((methods) => Object.values(methods))) {
      for (const [status, { description }] of Object.entries(responses)) {
        if (Number(status) >= 400) for (const code of description.split(', ')) named.set(code, Number(status))
      }
    }
    expect(Object.fromEntries(named)).toEqual(problemStatus)
  })

  it('refers only to what it contains, and gives every parameter of a path', async () => {
    const document = await describing()
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(
      ([, target]) => target!,
    )
    expect(references.length).toBeGreaterThan(10)
    for (const target of new Set(references)) {
      const found = target
        .slice(2)
        .split('/')
        .reduce<unknown>((node, key) => (node as Record<string, unknown>)[key], document)
      expect([target, typeof found]).toEqual([target, 'object'])
    }
    for (const [path, methods] of Object.entries(document.paths)) {
      const placeholders = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
      for (const operation of Object.values(methods)) {
        const { parameters = [] } = operation as {
          parameters?: { name: string; in: string; required?: boolean }[]
        }
        const inPath = parameters.filter((parameter) => parameter.in === 'path')
        expect(inPath.map(({ name }) => name)).toEqual(placeholders)
        expect(inPath.every(({ required }) => required === true)).toBe(true)
      }
    }
  })

  it('describes exactly the members that an image has', async () => {
    const { components } = await describing()
    const image = await app.upload(await plainPng(100, 100))
    expect(Object.keys(components.schemas.Image!.properties).toSorted()).toEqual(
      Object.keys(image).toSorted(),
    )
  })

  it('can be read as a page that loads nothing from elsewhere', async () => {
    const page = await app.call('GET', '/docs', { as: null })
    expect(page.headers.get('content-security-policy')).toContain("default-src 'self'")
    const html = await page.text()
    const links = [...html.matchAll(/(?:href|src)="([^"]+)"/g)].map(([, link]) => link!)
    expect(links).toHaveLength(3)
    for (const link of links) {
      const { origin, pathname } = new URL(link, 'https://api.test/docs')
      expect(origin).toBe('https://api.test')
      const asset = await app.call('GET', pathname, { as: null })
      expect([pathname, asset.status]).toEqual([pathname, 200])
      expect(asset.headers.get('content-type')).toMatch(
        pathname.endsWith('.css') ? /^text\/css/ : /^text\/javascript/,
      )
      expect((await asset.text()).length).toBeGreaterThan(50)
    }
    const slashed = await (await app.call('GET', '/docs/', { as: null })).text()
    expect(new URL(/src="([^"]+)"/.exec(slashed)![1]!, 'https://api.test/docs/').pathname).toBe(
      '/docs/swagger-ui-bundle.js',
    )
  })
})
