import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { makeshift } from '../../origin/caching.ts'
import { createPacer } from './pacer.ts'
import type { WarmRequest } from './plan.ts'
import { type WarmOptions, type WarmResult, warmUp } from './warm-up.ts'

let server: Server | undefined

afterEach(() => server?.close())

async function serve(listener: RequestListener): Promise<string> {
  server = createServer(listener)
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const filled = { 'content-type': 'image/avif', 'x-cache': 'Miss from cloudfront' }

function requestFor(url: string): WarmRequest {
  return { url, format: 'avif', pixels: 1, weight: 1 }
}

async function resultsOf(urls: string[], options: Partial<WarmOptions> = {}): Promise<WarmResult[]> {
  const results: WarmResult[] = []
  await warmUp(urls.map(requestFor), {
    concurrency: 2,
    pacer: createPacer({ rate: 100_000 }),
    budget: Infinity,
    signal: new AbortController().signal,
    onResult: (result) => results.push(result),
    ...options,
  })
  return results
}

/** A pacer that waits on a clock of its own, and notes down how long it was told to. */
function noting(pauses: number[]): WarmOptions['pacer'] {
  let now = 0
  const pacer = createPacer({ rate: 1000, now: () => now, sleep: async (wait) => void (now += wait) })
  return {
    turn: (signal) => pacer.turn(signal),
    pause(milliseconds) {
      pauses.push(milliseconds)
      pacer.pause(milliseconds)
    },
  }
}

describe('an answer', () => {
  it.each([
    ['Hit from cloudfront', {}, 'already warm'],
    ['Hit from cloudfront', { 'last-modified': 'Sun, 22 Nov 2026 10:00:00 GMT' }, 'already warm'],
    ['RefreshHit from cloudfront', {}, 'already warm'],
    ['Miss from cloudfront', { 'last-modified': 'Sun, 22 Nov 2026 10:00:00 GMT' }, 'from bucket'],
    ['Miss from cloudfront', {}, 'rendered'],
  ])('with %s and %j is taken for %s', async (cache, headers, outcome) => {
    const url = await serve((_request, response) => {
      response.writeHead(200, { ...filled, 'x-cache': cache, ...headers }).end('12345')
    })
    expect(await resultsOf([url])).toMatchObject([{ outcome, bytes: 5 }])
  })

  it('may be WebP for AVIF: so come animations', async () => {
    const url = await serve((_request, response) => {
      response.writeHead(200, { ...filled, 'content-type': 'image/webp' }).end('12345')
    })
    expect(await resultsOf([url])).toMatchObject([{ outcome: 'rendered' }])
  })

  it.each([
    [500, { 'x-cache': 'Error from cloudfront' }, 'status 500'],
    [404, {}, 'status 404'],
    [301, { location: '/elsewhere' }, 'status 301'],
    [200, { ...filled, 'content-type': 'image/jpeg' }, 'came as image/jpeg'],
    [200, { 'content-type': 'image/avif' }, 'no X-Cache: it is not a CDN that answers'],
    [200, { ...filled, 'x-cache': 'Error from cloudfront' }, 'X-Cache: Error from cloudfront'],
  ])('of %s with %j is a failure at once', async (status, headers, reason) => {
    let asked = 0
    const url = await serve((_request, response) => {
      asked++
      response.writeHead(status, headers as Record<string, string>).end('12345')
    })
    expect(await resultsOf([url])).toMatchObject([{ outcome: 'failed', reason }])
    expect(asked).toBe(1)
  })

  it('that does not come is told with its cause', async () => {
    const url = await serve(() => undefined)
    await new Promise((resolve) => server!.close(resolve))
    expect(await resultsOf([url])).toMatchObject([
      { outcome: 'failed', reason: expect.stringContaining('ECONNREFUSED') },
    ])
  })
})

describe('a busy answer', () => {
  /** Answers busy so many times, then with the picture. */
  async function busyFor(times: number, status: number, headers: Record<string, string>): Promise<string> {
    let answered = 0
    return serve((_request, response) => {
      if (answered++ < times) response.writeHead(status, headers).end()
      else response.writeHead(200, filled).end()
    })
  }

  it.each([
    [503, { 'retry-after': '7' }, 7000],
    [429, { 'retry-after': '0' }, 0],
    [503, {}, 10_000],
    [503, { 'retry-after': 'later' }, 10_000],
    [200, { ...filled, 'cache-control': makeshift }, 5000],
    [200, { ...filled, 'content-type': 'image/jpeg', 'cache-control': makeshift }, 5000],
  ])('of %s with %j is asked for again after %i ms', async (status, headers, wait) => {
    const pauses: number[] = []
    const url = await busyFor(2, status, headers as Record<string, string>)
    expect(await resultsOf([url], { pacer: noting(pauses) })).toMatchObject([{ outcome: 'rendered' }])
    expect(pauses).toEqual([wait, wait])
  })

  it('holds the other requests back too', async () => {
    let now = 0
    const times: [path: string, at: number][] = []
    const url = await serve((request, response) => {
      times.push([request.url!, now])
      if (times.length === 1) response.writeHead(503, { 'retry-after': '30' }).end()
      else response.writeHead(200, filled).end()
    })
    const pacer = createPacer({ rate: 1000, now: () => now, sleep: async (wait) => void (now += wait) })
    await resultsOf([`${url}/1`, `${url}/2`, `${url}/3`], { concurrency: 1, pacer })
    expect(times.map(([path]) => path)).toEqual(['/1', '/1', '/2', '/3'])
    expect(times.slice(1).every(([, at]) => at >= 30_000)).toBe(true)
  })

  it('fails after three repetitions', async () => {
    const pauses: number[] = []
    const url = await busyFor(99, 503, { 'retry-after': '1' })
    expect(await resultsOf([url], { pacer: noting(pauses) })).toMatchObject([
      { outcome: 'failed', reason: 'status 503, 4 times' },
    ])
    expect(pauses).toEqual([1000, 1000, 1000])
  })

  it('fails at once when it asks for more patience than there is', async () => {
    const pauses: number[] = []
    const url = await busyFor(99, 503, { 'retry-after': '3600' })
    expect(await resultsOf([url], { pacer: noting(pauses) })).toMatchObject([
      { outcome: 'failed', reason: 'status 503, to be asked again in 3600 s: too long to wait' },
    ])
    expect(pauses).toEqual([])
  })
})

describe('warmUp', () => {
  it('keeps so many requests under way and no more', async () => {
    const held: (() => void)[] = []
    let most = 0
    const url = await serve((_request, response) => {
      response.writeHead(200, filled)
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

  it('sends no more than the budget, repetitions included', async () => {
    const asked: string[] = []
    const url = await serve((request, response) => {
      asked.push(request.url!)
      if (request.url === '/2') response.writeHead(503, { 'retry-after': '1' }).end()
      else response.writeHead(200, filled).end()
    })
    const urls = ['/1', '/2', '/3'].map((path) => url + path)
    const results = await resultsOf(urls, { concurrency: 1, budget: 3, pacer: noting([]) })
    expect(asked).toEqual(['/1', '/2', '/2'])
    expect(results).toMatchObject([
      { outcome: 'rendered' },
      { outcome: 'failed', reason: 'status 503, 2 times' },
    ])
  })

  it('tells of every request before it is sent', async () => {
    const told: string[] = []
    const toldWhenAsked: string[][] = []
    let refusals = 1
    const url = await serve((_request, response) => {
      toldWhenAsked.push([...told])
      if (refusals-- > 0) response.writeHead(503, { 'retry-after': '1' }).end()
      else response.writeHead(200, filled).end()
    })
    await resultsOf([url], { pacer: noting([]), onAsk: (request) => told.push(request.url) })
    expect(toldWhenAsked).toEqual([[url], [url, url]])
  })

  it('ends early when interrupted, with the results so far', async () => {
    const interrupt = new AbortController()
    const url = await serve((request, response) => {
      if (request.url !== '/never-answered') response.writeHead(200, filled).end()
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
