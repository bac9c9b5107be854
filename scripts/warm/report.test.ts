import { describe, expect, it } from 'vitest'
import { costOf, dollars } from './cost.ts'
import { coldWork, warmWork } from './estimate.ts'
import { coverage, hitRateGain } from './hit-rate.ts'
import type { Plan, WarmRequest } from './plan.ts'
import { type Ending, finalReport, planReport } from './report.ts'
import type { WarmResult } from './warm-up.ts'

function request(more: Partial<WarmRequest> = {}): WarmRequest {
  return { url: 'https://cdn/x', format: 'avif', pixels: 100_000, weight: 1, ...more }
}

function result(outcome: WarmResult['outcome'], more: object = {}): WarmResult {
  return {
    request: request(),
    outcome,
    milliseconds: 10,
    bytes: 1000,
    reason: 'status 500',
    ...more,
  } as WarmResult
}

const idle = { sent: 0, bytes: 0, fromBucket: 0, rendered: 0, renderMilliseconds: 0 }

describe('costOf', () => {
  it('counts each part at its price', () => {
    // $1.00 for requests and $0.10 for functions; $0.085 per GB.
    expect(costOf({ ...idle, sent: 1e6, bytes: 1e9 })).toMatchObject({ lambda: 0, storage: 0 })
    expect(costOf({ ...idle, sent: 1e6, bytes: 1e9 }).cloudFront).toBeCloseTo(1.1 + 0.085)
    // The shield and one GET each.
    expect(costOf({ ...idle, fromBucket: 1e6 }).total).toBeCloseTo(0.75 + 0.4)
    // A million renders of a second: requests, and 1.7275 GB for a million seconds.
    const rendered = costOf({ ...idle, rendered: 1e6, renderMilliseconds: 1e9 })
    expect(rendered.lambda).toBeCloseTo(0.2 + 23.034, 3)
    expect(rendered.storage).toBeCloseTo(0.8 + 0.25 + 5)
    expect(rendered.total).toBeCloseTo(rendered.cloudFront + rendered.lambda + rendered.storage)
  })

  it.each([
    [0, '$0'],
    [0.000_000_123_4, '$0.000000123'],
    [0.001_234, '$0.00123'],
    [1.5, '$1.50'],
    [12_345.6, '$12346'],
  ])('is told of %d as %s', (amount, expected) => {
    expect(dollars(amount)).toBe(expected)
  })
})

describe('the estimate of a plan', () => {
  const requests = [request(), request({ format: 'png' })]

  it('grows with pixels and goes by the format', () => {
    const work = coldWork(requests)
    expect(work).toMatchObject({ sent: 2, rendered: 2 })
    expect(work.bytes).toBe(3300 + 7000 + 25_000 + 157_000)
    expect(coldWork([request({ pixels: 200_000 })]).renderMilliseconds).toBeGreaterThan(
      coldWork([request()]).renderMilliseconds,
    )
  })

  it('has nothing to render where all is warm', () => {
    expect(warmWork(requests)).toEqual({ ...coldWork(requests), rendered: 0, renderMilliseconds: 0 })
  })
})

describe('the hit rate gained', () => {
  const results = [
    result('rendered', { request: request({ weight: 100 }) }),
    result('from bucket', { request: request({ weight: 0.5 }) }),
    result('already warm', { request: request({ weight: 40 }) }),
    result('failed', { request: request({ weight: 30 }) }),
  ]

  it('is one miss for what is surely asked for again, and less for what is not', () => {
    const { missesSpared, of } = hitRateGain(results, 200)
    expect(missesSpared).toBeCloseTo(1 + (1 - Math.exp(-0.5)))
    expect(of).toBe(200)
    expect(coverage(results, 200)).toBeCloseTo(140.5 / 200)
  })

  it('is a share of the variants without a log', () => {
    expect(hitRateGain(results, null)).toEqual({ missesSpared: 2, of: 4 })
  })
})

describe('the reports', () => {
  const requests = Array.from({ length: 4 }, (_, i) => request({ url: `https://cdn/${i}` }))
  const plan: Plan = {
    requests,
    wanted: 4,
    leftOut: { 'private images': 1200, others: 0 },
    loggedRequests: null,
  }
  const ending: Ending = {
    plan,
    budget: 10,
    results: [],
    sent: 0,
    resumed: 0,
    isInterrupted: false,
  }

  it('say what is planned, left out and beyond the budget', () => {
    const lines = planReport({ ...plan, requests: requests.slice(0, 3) }, 3).split('\n')
    expect(lines.slice(0, 3)).toEqual([
      '3 requests, about 30.9 kB.',
      'Left out: private images (1,200).',
      'The budget of 3 requests cuts the plan: 1 of 4 are not asked for. A larger --budget takes them in.',
    ])
    expect(lines[3]).toMatch(
      /^Estimated cost: \$[\d.]+ if all of it is warm, \$[\d.]+ if all must be rendered\.$/,
    )
    expect(planReport({ ...plan, requests: [], wanted: 0 }, 3)).toBe(
      'there is nothing to ask for.\nLeft out: private images (1,200).',
    )
  })

  it('have a line for each format and outcome that there was', () => {
    const results = [
      result('rendered', { bytes: 1500, milliseconds: 10 }),
      result('rendered', { bytes: 500, milliseconds: 30 }),
      result('already warm', { bytes: 40 }),
      result('failed', { request: request({ format: 'webp' }) }),
    ]
    const text = plain(finalReport({ ...ending, results, sent: 6, resumed: 1 }))
    expect(text).toContain('avif rendered 2 2.0 20.0 30.0')
    expect(text).toContain('avif already warm 1 0.0 10.0 10.0')
    expect(text).toContain('webp failed 1 0.0')
    expect(text).not.toContain('from bucket')
    expect(text).toContain('all 4 2.0')
    expect(text).toContain(
      '4 of 4 variants asked for, 1 of them in an earlier run; 6 requests sent, 2 of them again.',
    )
    expect(text).toContain('Hit rate gained: 2 of 4 variants (50.0 ) were cold and are warm now')
    expect(text).not.toContain('budget')
  })

  it('tell the gain by the requests of a log', () => {
    const results = [result('rendered', { request: request({ weight: 150 }) })]
    const text = finalReport({ ...ending, plan: { ...plan, loggedRequests: 200 }, results, sent: 1 })
    expect(text).toContain(
      'Hit rate gained: 0.5 %. Were the 200 requests of the log to come again, 1.0 of them would have been misses',
    )
    expect(text).toContain('What is warm now makes up 75.0 % of them.')
  })

  it('tell why requests failed, of many only the first', () => {
    const results = Array.from({ length: 7 }, () => result('failed'))
    const lines = finalReport({ ...ending, results, sent: 7 }).split('\n')
    expect(lines.filter((line) => line === 'failed: https://cdn/x: status 500')).toHaveLength(5)
    expect(lines).toContain('and 2 more failed')
  })

  it('say when repetitions used up the budget, but not when somebody interrupted', () => {
    const cut = { ...ending, results: [result('failed')], sent: 10 }
    const said = 'The budget of 10 requests is used up by repetitions.'
    expect(finalReport(cut)).toContain(said)
    expect(finalReport({ ...cut, isInterrupted: true })).not.toContain(said)
  })
})

/** Without the frame and with single spaces. */
function plain(table: string): string {
  return table.replace(/[^\w.,:;()/ \n-]+/g, ' ').replace(/ +/g, ' ')
}
