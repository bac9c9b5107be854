import { LRUCache } from 'lru-cache'
import type { Lifetime } from './set-ups.ts'

/** Room in the caches between a viewer and the origin. */
export interface CacheSizes {
  readonly pops: number
  /** how many regional edge caches the PoPs share; PoP n asks region n modulo this */
  readonly regions: number
  readonly popBytes: number
  readonly regionalBytes: number
  readonly shieldBytes: number
}

/** AWS publishes none of these; see docs/simulator.md. */
export const assumedCaches: CacheSizes = {
  pops: 20,
  regions: 6,
  popBytes: 8e9,
  regionalBytes: 64e9,
  shieldBytes: 256e9,
}

export type TierName = 'pop' | 'regional' | 'shield'

export interface CacheRequest {
  readonly pop: number
  /** the cache key, as a number: numbers are hashed faster and take less room than paths */
  readonly key: number
  readonly bytes: number
  readonly lifetime: Lifetime
  readonly second: number
}

export interface CacheAnswer {
  /** who answered the viewer */
  readonly from: TierName | 'origin'
  /** whether the origin was asked, be it in the background */
  readonly asksOrigin: boolean
}

/**
 * The caches of a CDN: each PoP asks its regional cache, all of them ask one shield, and that asks the origin. Each is
 * bounded by bytes and forgets the least recently used.
 *
 * The rules are those of the local edge: age counts from the origin's answer in all tiers; a stale answer is given
 * while a refresh goes through to the origin. Answers take no time, so there are no simultaneous requests.
 */
export function createCacheTiers(sizes: CacheSizes): (request: CacheRequest) => CacheAnswer {
  const pops = Array.from({ length: sizes.pops }, () => createCache(sizes.popBytes))
  const regions = Array.from({ length: sizes.regions }, () => createCache(sizes.regionalBytes))
  const shield = createCache(sizes.shieldBytes)

  return (request) => {
    const path: readonly (readonly [TierName, Cache])[] = [
      ['pop', pops[request.pop]!],
      ['regional', regions[request.pop % sizes.regions]!],
      ['shield', shield],
    ]
    for (const [index, [name, cache]] of path.entries()) {
      const answeredAtSecond = cache.get(request.key)
      if (answeredAtSecond === undefined) continue
      const ageSeconds = request.second - answeredAtSecond
      const { freshSeconds, staleSeconds } = request.lifetime
      if (ageSeconds < freshSeconds) {
        for (const [, nearer] of path.slice(0, index)) keep(nearer, request, answeredAtSecond)
        return { from: name, asksOrigin: false }
      }
      if (ageSeconds < freshSeconds + staleSeconds) {
        for (const [, each] of path) keep(each, request, request.second)
        return { from: name, asksOrigin: true }
      }
    }
    for (const [, each] of path) keep(each, request, request.second)
    return { from: 'origin', asksOrigin: true }
  }
}

/** Second of the origin's answer, by key. */
type Cache = LRUCache<number, number, CacheRequest>

function createCache(bytesMax: number): Cache {
  return new LRUCache({ maxSize: bytesMax })
}

function keep(cache: Cache, request: CacheRequest, answeredAtSecond: number): void {
  cache.set(request.key, answeredAtSecond, { size: request.bytes })
}
