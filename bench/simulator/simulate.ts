import { type CacheSizes, createCacheTiers } from './cache-tiers.ts'
import type { SetUp } from './set-ups.ts'
import { pixelsOf, variantBytes } from './variant-bytes.ts'
import { neededWidth, type Viewing, type Workload } from './workload.ts'

/** The first half of a day fills the caches: a service that has just started does not stand for one that runs. */
export const assumedWarmUpShare = 0.5

/** What came of a workload, all but `requests` and `distinctKeys` as shares of 1. */
export interface Measurement {
  /** requests that were measured */
  readonly requests: number
  /** answered by the PoP that was asked */
  readonly popHitRate: number
  /** answered by any tier of the CDN, without waiting for the origin */
  readonly cdnHitRate: number
  /** share of requests for which an image was rendered */
  readonly renderRate: number
  /** share of requests for which the origin was asked, be it in the background or for a stored image */
  readonly originRate: number
  /** pixels delivered beyond those the screens could show, per pixel that they could */
  readonly overfetch: number
  /** hit rate of one cache that holds everything for ever: no CDN can do better with these keys */
  readonly infiniteCacheHitRate: number
  readonly distinctKeys: number
  /** renders that a warm-up caused in the whole time, per request of the whole time; no viewer waited for them */
  readonly warmUpRenderRate: number
}

export interface Simulation {
  readonly workload: Pick<Workload, 'seconds'>
  readonly viewings: Iterable<Viewing>
  readonly setUp: SetUp
  readonly caches: CacheSizes
  /** Share of the time that fills the caches and is not measured. */
  readonly warmUpShare: number
  /** Requests in the order of time that nobody looks at: they fill caches and are not measured. */
  readonly warmUp?: Iterable<Viewing>
}

/** Lets all requests through the set-up's caches, and counts. */
export function simulate({
  workload,
  viewings,
  setUp,
  caches,
  warmUpShare,
  warmUp = [],
}: Simulation): Measurement {
  const ask = createCacheTiers(caches)
  // A key is long and occurs in many caches: each is kept once, and a number stands for it.
  const numbers = new Map<string, number>()
  const known = new Set<number>()
  const stored = new Set<number>()
  const measuredFromSecond = workload.seconds * warmUpShare
  const counts = {
    requests: 0,
    pop: 0,
    cdn: 0,
    renders: 0,
    origin: 0,
    known: 0,
    extraPixels: 0,
    neededPixels: 0,
    viewings: 0,
    warmUpRenders: 0,
  }

  for (const { viewing, isWarmUp } of inOrder(viewings, warmUp)) {
    const delivery = setUp.deliver(viewing)
    const key = numberOf(numbers, delivery.cacheKey)
    const storedKey = delivery.storedKey === null ? null : numberOf(numbers, delivery.storedKey)
    const isKnown = known.has(key)
    known.add(key)
    // No set-up enlarges an original.
    const width = Math.min(delivery.width, viewing.sourceWidth)
    const answer = ask({
      pop: viewing.pop,
      key,
      bytes: variantBytes(width, delivery.format),
      lifetime: delivery.lifetime,
      second: viewing.second,
    })
    const isRendered = answer.asksOrigin && !(storedKey !== null && stored.has(storedKey))
    if (isRendered && storedKey !== null) stored.add(storedKey)

    if (isWarmUp) {
      if (isRendered) counts.warmUpRenders++
      continue
    }
    counts.viewings++
    if (viewing.second < measuredFromSecond) continue
    counts.requests++
    if (isKnown) counts.known++
    if (answer.from === 'pop') counts.pop++
    if (answer.from !== 'origin') counts.cdn++
    if (answer.asksOrigin) counts.origin++
    if (isRendered) counts.renders++
    const needed = pixelsOf(neededWidth(viewing))
    counts.neededPixels += needed
    // An image that is too small makes up for no other that is too large.
    counts.extraPixels += Math.max(0, pixelsOf(width) - needed)
  }

  return {
    requests: counts.requests,
    popHitRate: counts.pop / counts.requests,
    cdnHitRate: counts.cdn / counts.requests,
    renderRate: counts.renders / counts.requests,
    originRate: counts.origin / counts.requests,
    overfetch: counts.extraPixels / counts.neededPixels,
    infiniteCacheHitRate: counts.known / counts.requests,
    distinctKeys: known.size,
    warmUpRenderRate: counts.warmUpRenders / counts.viewings,
  }
}

interface Turn {
  readonly viewing: Viewing
  readonly isWarmUp: boolean
}

/** Both in the order of time, of one second the warm-up first. */
function* inOrder(viewings: Iterable<Viewing>, warmUp: Iterable<Viewing>): Generator<Turn, void, undefined> {
  const warming = warmUp[Symbol.iterator]()
  let next = warming.next()
  for (const viewing of viewings) {
    while (next.done !== true && next.value.second <= viewing.second) {
      yield { viewing: next.value, isWarmUp: true }
      next = warming.next()
    }
    yield { viewing, isWarmUp: false }
  }
}

function numberOf(numbers: Map<string, number>, key: string): number {
  const known = numbers.get(key)
  if (known !== undefined) return known
  numbers.set(key, numbers.size)
  return numbers.size - 1
}
