import { beforeAll, describe, expect, it } from 'vitest'
import { parseCanonicalPath } from '../core/image-url.ts'
import { bandNames, formats, presets, rungs } from '../core/ladder.ts'
import { loadViewerRequest, type RunViewerRequest } from '../local/edge/sandbox.ts'
import { buildEdgeFunction } from './build.ts'
import type { EdgeFields, EdgeRequest, EdgeResponse } from './event.ts'
import { handler } from './viewer-request.ts'

const id = '01JD0R3XW6ZQJ5Y5T1V9N4K8MH'
let run: RunViewerRequest

interface Viewer {
  method?: string
  accept?: string | string[]
  headers?: Record<string, string>
}

/** Sends a URL through the built function, as CloudFront would hand it over. */
function send(
  url: string,
  { method = 'GET', accept, headers = {} }: Viewer = {},
): EdgeRequest | EdgeResponse {
  const queryAt = url.indexOf('?')
  const uri = queryAt < 0 ? url : url.slice(0, queryAt)
  const fields: EdgeFields = {}
  for (const [name, value] of Object.entries(headers)) fields[name] = { value }
  if (typeof accept === 'string') fields.accept = { value: accept }
  if (Array.isArray(accept))
    fields.accept = { value: accept[0]!, multiValue: accept.map((value) => ({ value })) }
  const result = run({
    version: '1.0',
    context: { requestId: 'test' },
    viewer: { ip: '127.0.0.1' },
    request: {
      method,
      uri,
      querystring: queryAt < 0 ? {} : queryFields(url.slice(queryAt + 1)),
      headers: fields,
      cookies: { session: { value: 'secret' } },
    },
  })
  if (result instanceof Promise) throw new Error('the function answers at once')
  return result
}

function queryFields(query: string): EdgeFields {
  const fields: EdgeFields = {}
  for (const pair of query.split('&')) {
    const [name = '', value = ''] = pair.split('=', 2)
    const known = fields[name]
    if (known === undefined) fields[name] = { value }
    else known.multiValue = [...(known.multiValue ?? [{ value: known.value }]), { value }]
  }
  return fields
}

function pathOf(result: EdgeRequest | EdgeResponse): string {
  if ('statusCode' in result) throw new Error(`answered ${result.statusCode}: ${result.body?.data}`)
  return result.uri
}

async function loadArtefact(): Promise<RunViewerRequest> {
  const { code } = await buildEdgeFunction()
  return loadViewerRequest({ code })
}

// The artefact is what runs; the source beside it tells whether a failure came with the build.
describe.each<[string, () => Promise<RunViewerRequest>]>([
  ['built', loadArtefact],
  ['source', async () => handler],
])('the viewer-request function, %s', (_build, load) => {
  beforeAll(async () => {
    run = await load()
  })

  it.each([
    ['w=601'],
    ['w=640&utm=1'],
    ['W=640'],
    ['dpr=2&w=320'],
    ['w=320&dpr=2'],
    ['utm_source=x&w=640&fbclid=y'],
    ['w=640&w=640'],
  ])('%s lands on the key of w=640', (query) => {
    expect(pathOf(send(`/i/${id}?${query}`))).toBe(`/v/${id}/_/1-w640-q2.jpeg`)
  })

  it.each([
    ['image/avif,image/webp,*/*;q=0.8', 'avif'],
    ['image/avif;q=0,image/webp', 'webp'],
    ['*/*', 'jpeg'],
    [['text/html', 'image/webp'], 'webp'],
  ])('negotiates %s to %s', (accept, format) => {
    expect(pathOf(send(`/i/${id}?w=640`, { accept }))).toMatch(new RegExp(`\\.${format}$`))
  })

  it('lets the URL overrule Accept', () => {
    expect(pathOf(send(`/i/${id}?w=640&f=png`, { accept: 'image/avif' }))).toMatch(/\.png$/)
  })

  it('passes on nothing that could reach an origin or split the cache', () => {
    const headers = {
      host: 'img.example.com',
      'user-agent': 'x',
      range: 'bytes=0-9',
      'if-range': '"a"',
      'if-none-match': '"a"',
      'x-forwarded-host': 'evil.example',
      authorization: 'Bearer x',
      'cache-control': 'no-cache',
    }
    const result = send(`/i/${id}?w=640&x=1`, { headers }) as EdgeRequest
    expect(Object.keys(result.headers).toSorted()).toEqual(['host', 'if-none-match', 'if-range', 'range'])
    expect(result.querystring).toEqual({})
    expect(result.cookies).toEqual({})
  })

  it.each([
    ['?w=abc', 'INVALID_WIDTH'],
    ['?w=-1', 'INVALID_WIDTH'],
    ['?w=1e9', 'INVALID_WIDTH'],
    ['?dpr=NaN&w=10', 'INVALID_DPR'],
    ['?w=1&w=2', 'DUPLICATE_PARAMETER'],
    ['?w=1&W=2', 'DUPLICATE_PARAMETER'],
    [`?w=640&${'x'.repeat(9000)}=1`, 'URL_TOO_LONG'],
    [`?w=640&x=${'y'.repeat(9000)}`, 'URL_TOO_LONG'],
    ['%00', 'INVALID_PATH'],
    ['%5c', 'INVALID_PATH'],
    ['/%2e%2e/x', 'INVALID_PATH'],
    [`/${'x'.repeat(9000)}`, 'URL_TOO_LONG'],
  ])('answers 400 itself for /i/<id>%s', (rest, code) => {
    const result = send(`/i/${id}${rest}`) as EdgeResponse
    expect(result.statusCode).toBe(400)
    expect(JSON.parse(result.body!.data)).toMatchObject({ status: 400, code })
  })

  it.each([
    '/',
    '/i/%2e%2e',
    '/%2e%2e/i/x',
    '/v/x',
    `/v/${id}/_/1-w640-q2.avif`,
    '/i/\\',
    '/i/../../etc/passwd',
  ])('answers 400 itself for %s', (path) => {
    expect(send(path)).toMatchObject({ statusCode: 400 })
  })

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'])('refuses %s', (method) => {
    expect(send(`/i/${id}?w=640`, { method })).toMatchObject({ statusCode: 405 })
  })

  it('lets no query string lead to more keys than the ladder has', () => {
    const possible =
      (rungs.length * (1 + 2 * 12) * bandNames.length + Object.keys(presets).length) * formats.length
    const words = ['w', 'h', 'dpr', 'q', 'f', 'ar', 'fit', 'preset', 'utm', 'W', 'Q']
    const values = [
      '1',
      '57',
      '640',
      '999',
      '8192',
      '1.5',
      '2',
      'low',
      'high',
      '88',
      'avif',
      'png',
      '16:9',
      '3:7',
      'cover',
      'thumb',
    ]
    const random = mulberry32(7)
    const pick = <Item>(items: Item[]): Item => items[Math.floor(random() * items.length)]!
    const keys = new Set<string>()
    for (let i = 0; i < 10_000; i++) {
      const query = Array.from({ length: 1 + Math.floor(random() * 5) }, () => {
        const value = random() < 0.5 ? pick(values) : String(Math.floor(random() * 9000))
        return `${pick(words)}=${value}`
      }).join('&')
      const result = send(`/i/${id}?${query}`, { accept: pick(['image/avif', 'image/webp', '']) })
      if (!('statusCode' in result)) keys.add(result.uri)
    }
    expect(keys.size).toBeGreaterThan(100)
    expect(keys.size).toBeLessThanOrEqual(possible)
    for (const key of keys) expect(parseCanonicalPath(key)).not.toBeNull()
  })
})

/** A small generator with a seed, so that a failure can be repeated. */
function mulberry32(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
