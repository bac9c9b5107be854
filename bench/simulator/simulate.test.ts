import { describe, expect, it } from 'vitest'
import type { Format } from '../../core/ladder.ts'
import type { CacheSizes } from './cache-tiers.ts'
import { meanOf, resultTable, verdictLines } from './report.ts'
import { awsSample, nextImage, passThrough, type SetUp, snap, tintype } from './set-ups.ts'
import { type Measurement, simulate } from './simulate.ts'
import { judge } from './targets.ts'
import { variantBytes } from './variant-bytes.ts'
import { r1, scale, type Viewing, viewings } from './workload.ts'

const caches: CacheSizes = { pops: 2, regions: 1, popBytes: 1e9, regionalBytes: 1e9, shieldBytes: 1e9 }
const year = { freshSeconds: 31_536_000, staleSeconds: 0 }

function viewingAt(second: number, cssWidth: number, changed: Partial<Viewing> = {}): Viewing {
  const { pop, image } = { pop: 0, image: 0, ...changed }
  return {
    second,
    pop,
    image,
    sourceWidth: 1000,
    cssWidth,
    pixelRatio: 1,
    accept: '*/*',
    namesRevision: true,
    parameterOrder: 0,
    tracking: '',
    ...changed,
  }
}

/** Keys on width alone, on a ladder of 100 and 200. */
const twoRungs: SetUp = {
  name: 'two rungs',
  description: '',
  deliver({ cssWidth }) {
    const width = snap(cssWidth, [100, 200])
    return { cacheKey: `w${width}`, storedKey: `w${width}`, width, format: 'jpeg', lifetime: year }
  },
}

function run(
  requests: readonly Viewing[],
  setUp: SetUp = twoRungs,
  changed: { warmUpShare?: number; warmUp?: Viewing[] } = {},
): Measurement {
  return simulate({
    workload: { seconds: 100 },
    viewings: requests,
    setUp,
    caches,
    warmUpShare: 0,
    ...changed,
  })
}

describe('simulate', () => {
  it('counts hits, renders and pixels of a trace that can be followed by hand', () => {
    const measured = run([
      viewingAt(0, 50), // render of 100
      viewingAt(1, 100), // PoP hit
      viewingAt(2, 60, { pop: 1 }), // regional hit
      viewingAt(3, 150), // render of 200
      viewingAt(4, 200), // PoP hit
    ])
    const needed = 50 ** 2 + 100 ** 2 + 60 ** 2 + 150 ** 2 + 200 ** 2
    const delivered = 3 * 100 ** 2 + 2 * 200 ** 2
    expect(measured).toMatchObject({ requests: 5, distinctKeys: 2, popHitRate: 2 / 5, cdnHitRate: 3 / 5 })
    expect(measured).toMatchObject({ renderRate: 2 / 5, originRate: 2 / 5, infiniteCacheHitRate: 3 / 5 })
    expect(measured.overfetch).toBeCloseTo(delivered / needed - 1, 12)
  })

  it('measures after the warm-up only, with caches that it filled', () => {
    const requests = [viewingAt(0, 100), viewingAt(49, 200), viewingAt(50, 100), viewingAt(51, 100)]
    expect(run(requests, twoRungs, { warmUpShare: 0.5 })).toMatchObject({
      requests: 2,
      popHitRate: 1,
      renderRate: 0,
      infiniteCacheHitRate: 1,
      overfetch: 0,
      distinctKeys: 2,
    })
  })

  it('renders nothing that the origin keeps, and everything that it does not', () => {
    const short = (storedKey: string | null): SetUp => ({
      ...twoRungs,
      deliver: (viewing) => ({
        ...twoRungs.deliver(viewing),
        storedKey,
        lifetime: { freshSeconds: 1, staleSeconds: 0 },
      }),
    })
    const requests = [viewingAt(0, 100), viewingAt(10, 100), viewingAt(20, 100), viewingAt(20, 100)]
    expect(run(requests, short('kept'))).toMatchObject({
      renderRate: 1 / 4,
      originRate: 3 / 4,
      cdnHitRate: 1 / 4,
    })
    expect(run(requests, short(null))).toMatchObject({ renderRate: 3 / 4, originRate: 3 / 4 })
  })

  it('counts neither hits nor misses of a warm-up, but its renders and what it leaves in the caches', () => {
    const requests = [viewingAt(10, 100), viewingAt(11, 100, { pop: 1 }), viewingAt(30, 200)]
    const warmUp = [viewingAt(10, 100), viewingAt(20, 200), viewingAt(21, 200), viewingAt(99, 50)]
    expect(run(requests, twoRungs, { warmUp })).toMatchObject({
      requests: 3,
      cdnHitRate: 1,
      popHitRate: 2 / 3,
      renderRate: 0,
      warmUpRenderRate: 2 / 3,
      infiniteCacheHitRate: 1,
    })
  })

  it('finds under its revision what an alias needs: one render for both', () => {
    const alias = { namesRevision: false }
    const requests = [viewingAt(0, 500, alias), viewingAt(1, 500), viewingAt(2, 500, alias)]
    expect(run(requests, tintype())).toMatchObject({
      renderRate: 1 / 3,
      originRate: 2 / 3,
      popHitRate: 1 / 3,
    })
  })

  it('answers a stale alias from the PoP, and asks the origin in the background without a render', () => {
    const measured = simulate({
      workload: { seconds: 1000 },
      viewings: [viewingAt(0, 500, { namesRevision: false }), viewingAt(400, 500, { namesRevision: false })],
      setUp: tintype(),
      caches,
      warmUpShare: 0,
    })
    expect(measured).toMatchObject({ cdnHitRate: 1 / 2, originRate: 1, renderRate: 1 / 2 })
  })

  it('delivers no more than the original has, and lets a small image make up for no large one', () => {
    const original = { sourceWidth: 120 }
    expect(run([viewingAt(0, 300, original)]).overfetch).toBe(0)
    const delivered100 = viewingAt(1, 50)
    const delivered200 = viewingAt(2, 900)
    expect(run([delivered100, delivered200]).overfetch).toBeCloseTo(
      (100 ** 2 - 50 ** 2) / (50 ** 2 + 900 ** 2),
      12,
    )
  })

  it('gives the same table for the same seed, and another for another', () => {
    const table = (seed: number): string => {
      const workload = { ...scale(r1, 0.005), seed }
      const rows = [passThrough, nextImage, awsSample, tintype()].map((setUp) => ({
        name: setUp.name,
        measurements: [
          simulate({
            workload,
            viewings: viewings(workload),
            setUp,
            caches: { ...caches, pops: 20 },
            warmUpShare: 0.5,
          }),
        ],
      }))
      return resultTable(rows)
    }
    expect(table(1)).toBe(table(1))
    expect(table(1)).not.toBe(table(2))
  })
})

describe('judge', () => {
  const exact: Measurement = {
    requests: 1,
    popHitRate: 0.72,
    cdnHitRate: 0.97,
    renderRate: 0.03,
    originRate: 1,
    overfetch: 0.25,
    infiniteCacheHitRate: 0.97,
    distinctKeys: 1,
    warmUpRenderRate: 0,
  }

  it('takes a target that is just met for reached', () => {
    expect(judge('R1', exact).map(({ isReached }) => isReached)).toEqual([true, true, true, true])
  })

  it.each([
    [{ cdnHitRate: 0.96 }, 'not reached  CDN hit rate >= 97.0 %: 96.0 %, 1.0 % off'],
    [{ popHitRate: 0.7 }, 'not reached  PoP hit rate >= 72.0 %: 70.0 %, 2.0 % off'],
    [{ renderRate: 0.0312 }, 'not reached  renders per million <= 30,000: 31,200, 1,200 off'],
    [{ overfetch: 0.3 }, 'not reached  extra pixels <= 25.0 %: 30.0 %, 5.0 % off'],
  ])('tells by how much %j misses', (changed, line) => {
    const missed = verdictLines('R1', { ...exact, ...changed }).filter((each) => each.includes('not reached'))
    expect(missed.map((each) => each.trim())).toEqual([line])
  })

  it('compares R2 with its own bound', () => {
    const lines = verdictLines('R2', { ...exact, cdnHitRate: 0.88, infiniteCacheHitRate: 0.9 })
    expect(lines[0]).toContain('  reached      CDN hit rate >= 84.0 %: 88.0 %')
    expect(lines[1]).toContain('not reached  CDN hit rate, of the bound >= 98.0 %: 97.8 %, 0.2 % off')
  })

  it('has no opinion of other workloads', () => {
    expect(judge('other', exact)).toEqual([])
  })

  it('is given the mean of several seeds', () => {
    expect(meanOf([exact, { ...exact, cdnHitRate: 0.99, renderRate: 0.01 }])).toMatchObject({
      cdnHitRate: 0.98,
      renderRate: 0.02,
      popHitRate: 0.72,
    })
  })
})

describe('variantBytes', () => {
  it('follows what the encoders gave at 640 pixels', () => {
    const bytesPerPixel = (format: Format) => variantBytes(640, format) / ((640 * 640 * 2) / 3)
    expect(bytesPerPixel('avif')).toBeCloseTo(0.079, 3)
    expect(bytesPerPixel('webp')).toBeCloseTo(0.091, 3)
    expect(bytesPerPixel('jpeg')).toBeCloseTo(0.126, 3)
  })
})
