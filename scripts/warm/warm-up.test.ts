import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { warmTable } from './table.ts'
import { type WarmOptions, type WarmResult, warmUp } from './warm-up.ts'

let server: Server | undefined

afterEach(() => server?.close())

async function serve(listener: RequestListener): Promise<string> {
  server = createServer(listener)
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function resultsOf(urls: string[], options: Partial<WarmOptions> = {}): Promise<WarmResult[]> {
  const results: WarmResult[] = []
  const requests = urls.map((url) => ({ url, format: 'avif' as const }))
  const { signal } = new AbortController()
  await warmUp(requests, { concurrency: 2, signal, onResult: (result) => results.push(result), ...options })
  return results
}

describe('warmUp', () => {
  it.each([
    ['Hit from cloudfront', 'already warm'],
    ['RefreshHit from cloudfront', 'already warm'],
    ['Miss from cloudfront', 'filled'],
  ])('takes %s for %s', async (cache, outcome) => {
    const url = await serve((_request, response) => {
      response.writeHead(200, { 'content-type': 'image/avif', 'x-cache': cache }).end('12345')
    })
    expect(await resultsOf([url])).toMatchObject([{ outcome, bytes: 5 }])
  })

  it.each([
    [503, { 'x-cache': 'Error from cloudfront' }, 'status 503'],
    [301, { location: '/elsewhere' }, 'status 301'],
    [200, { 'content-type': 'image/webp', 'x-cache': 'Miss from cloudfront' }, 'came as image/webp'],
    [200, { 'content-type': 'image/avif' }, 'no X-Cache: it is not a CDN that answers'],
    [
      200,
      { 'content-type': 'image/avif', 'x-cache': 'Error from cloudfront' },
      'X-Cache: Error from cloudfront',
    ],
  ])('takes %s with %j for failed', async (status, headers, reason) => {
    const url = await serve((_request, response) => {
      response.writeHead(status, headers as Record<string, string>).end('12345')
    })
    expect(await resultsOf([url])).toMatchObject([{ outcome: 'failed', reason }])
  })

  it('says why nobody answered', async () => {
    const url = await serve(() => undefined)
    await new Promise((resolve) => server!.close(resolve))
    expect(await resultsOf([url])).toMatchObject([
      { outcome: 'failed', reason: expect.stringContaining('ECONNREFUSED') },
    ])
  })

  it('keeps so many requests under way and no more', async () => {
    const held: (() => void)[] = []
    let most = 0
    const url = await serve((_request, response) => {
      response.writeHead(200, { 'content-type': 'image/avif', 'x-cache': 'Miss from cloudfront' })
      most = Math.max(
        most,
        held.push(() => response.end()),
      )
      // Nobody is answered before all that may be under way are.
      if (held.length === 3) for (const release of held.splice(0)) release()
    })
    const results = await resultsOf(
      Array.from({ length: 12 }, () => url),
      { concurrency: 3 },
    )
    expect(results).toHaveLength(12)
    expect(most).toBe(3)
  })

  it('ends early when interrupted, with the results so far', async () => {
    const interrupt = new AbortController()
    const url = await serve((request, response) => {
      if (request.url === '/never-answered') return
      response.writeHead(200, { 'content-type': 'image/avif', 'x-cache': 'Miss from cloudfront' }).end()
    })
    const results: WarmResult[] = []
    await resultsOf([`${url}/1`, `${url}/2`, `${url}/never-answered`, `${url}/4`], {
      concurrency: 1,
      signal: interrupt.signal,
      onResult(result) {
        results.push(result)
        if (results.length === 2) setImmediate(() => interrupt.abort())
      },
    })
    expect(results.map(({ request }) => request.url)).toEqual([`${url}/1`, `${url}/2`])
  })
})

describe('warmTable', () => {
  const result = (more: object): WarmResult =>
    ({ request: { url: 'https://cdn/x', format: 'avif' }, milliseconds: 10, ...more }) as WarmResult

  it('has a line for each format and outcome', () => {
    const table = plain(
      warmTable(
        [
          result({ outcome: 'filled', bytes: 1500, milliseconds: 10 }),
          result({ outcome: 'filled', bytes: 500, milliseconds: 30 }),
          result({ outcome: 'already warm', bytes: 40 }),
        ],
        ['avif', 'webp'],
      ),
    )
    expect(table).toContain('avif filled 2 2.0 20.0 30.0')
    expect(table).toContain('avif already warm 1 0.0 10.0 10.0')
    expect(table).toContain('webp failed 0 0.0')
    expect(table).toContain('all 3 2.0')
  })

  it('tells why requests failed, of many only the first', () => {
    const failed = Array.from({ length: 7 }, () => result({ outcome: 'failed', reason: 'status 503' }))
    const lines = warmTable(failed, ['avif']).split('\n')
    expect(lines.filter((line) => line === 'failed: https://cdn/x: status 503')).toHaveLength(5)
    expect(lines.at(-1)).toBe('and 2 more failed')
  })
})

/** Without the frame and with single spaces. */
function plain(table: string): string {
  return table.replace(/[^\w.,:/ \n-]+/g, ' ').replace(/ +/g, ' ')
}
