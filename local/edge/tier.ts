import { LRUCache } from 'lru-cache'

import { entryBytes, type Entry } from './entry.ts'
import { freshness } from './freshness.ts'

/** What `X-Cache` says of an answer that came through the cache. */
export type Outcome = 'Hit' | 'Miss' | 'RefreshHit' | 'Error'

/** A question to a tier, or to the origin behind the last one. */
export interface TierRequest {
  readonly key: string
  /** the expired entry of the tier that asks: it is confirmed if it still holds, and served if the origin fails */
  readonly known: Entry | null
}

export interface TierAnswer {
  readonly entry: Entry
  readonly outcome: Outcome
}

/** Whom a tier asks when it can't answer: the next tier, or the origin. */
export type Next = (request: TierRequest) => Promise<TierAnswer>

export interface TierStats {
  readonly name: string
  readonly hits: number
  /** requests that waited for another request's fetch */
  readonly collapsed: number
  /** requests passed on to the next tier, background refreshes included */
  readonly misses: number
  readonly evictions: number
  readonly entries: number
  readonly bytes: number
  readonly bytesMax: number
}

export interface Tier {
  readonly name: string
  /** The entry, if it can be served without asking anyone; synchronous. May start a refresh in the background. */
  hit(key: string): Entry | null
  /** Answers from the cache, by joining a fetch that is under way, or by asking the next tier. */
  fetch: Next
  /** Removes matching entries; what is being fetched is still delivered to those who wait, but not stored. */
  invalidate(matches: (key: string) => boolean): void
  stats(): TierStats
}

export interface TierOptions {
  readonly name: string
  /** room for entries, by {@link entryBytes}; the least recently used go first */
  readonly bytesMax: number
  readonly next: Next
  /** milliseconds since the epoch */
  readonly now: () => number
}

interface Flight {
  readonly answer: Promise<TierAnswer>
  invalidated: boolean
}

/**
 * One layer of cache: bounded by bytes, with requests for one key collapsed into one fetch.
 *
 * Source: "How CloudFront delivers content" (edge locations and regional edge caches), "Use Amazon CloudFront Origin
 * Shield", "Simultaneous requests for the same object (request collapsing)".
 */
export function createTier({ name, bytesMax, next, now }: TierOptions): Tier {
  const flights = new Map<string, Flight>()
  let hits = 0
  let collapsed = 0
  let misses = 0
  let evictions = 0
  const cache = new LRUCache<string, Entry>({
    maxSize: bytesMax,
    sizeCalculation: entryBytes,
    dispose(_entry, _key, reason) {
      if (reason === 'evict') evictions++
    },
  })

  return { name, hit, fetch, invalidate, stats }

  function hit(key: string): Entry | null {
    const entry = cache.get(key)
    if (entry === undefined) return null
    const state = freshness(entry, now())
    if (state === 'expired') return null
    hits++
    if (state === 'stale-while-revalidate' && !flights.has(key)) {
      // A failed refresh is not the viewer's concern: the next request tries again.
      startFlight(key, entry).answer.catch(() => undefined)
    }
    return entry
  }

  async function fetch(request: TierRequest): Promise<TierAnswer> {
    const { key } = request
    const stored = cache.get(key)
    // A tier below that holds an expired entry wants to know if it changed, so a stale one is no answer.
    if (stored !== undefined && (request.known === null || freshness(stored, now()) === 'fresh')) {
      const entry = hit(key)
      if (entry !== null) return { entry, outcome: outcomeOfHit(entry) }
    }

    const flight = flights.get(key)
    if (flight === undefined) return startFlight(key, stored ?? request.known).answer

    const answer = await flight.answer
    // What may not be shared is fetched by each viewer on its own.
    if (!isShareable(answer.entry)) return ask(key, stored ?? request.known)
    collapsed++
    return { entry: answer.entry, outcome: outcomeOfHit(answer.entry) }
  }

  function startFlight(key: string, known: Entry | null): Flight {
    const flight: Flight = { answer: land(), invalidated: false }
    flights.set(key, flight)
    return flight

    async function land(): Promise<TierAnswer> {
      try {
        const answer = await ask(key, known)
        if (!flight.invalidated) keep(key, answer.entry)
        return answer
      } finally {
        if (flights.get(key) === flight) flights.delete(key)
      }
    }
  }

  async function ask(key: string, known: Entry | null): Promise<TierAnswer> {
    misses++
    const answer = await next({ key, known })
    const confirmed =
      answer.outcome === 'Hit' && known !== null && known.etag !== null && known.etag === answer.entry.etag
    return confirmed ? { entry: answer.entry, outcome: 'RefreshHit' } : answer
  }

  function keep(key: string, entry: Entry): void {
    if (entry.ttlSeconds === null) cache.delete(key)
    else cache.set(key, entry)
  }

  function invalidate(matches: (key: string) => boolean): void {
    for (const key of Array.from(cache.keys()).filter(matches)) cache.delete(key)
    for (const [key, flight] of flights) {
      if (!matches(key)) continue
      flight.invalidated = true
      // Who asks from now on must not be given what was fetched before.
      flights.delete(key)
    }
  }

  function stats(): TierStats {
    return {
      name,
      hits,
      collapsed,
      misses,
      evictions,
      entries: cache.size,
      bytes: cache.calculatedSize,
      bytesMax,
    }
  }
}

/** What an answer from the cache is called: errors stay errors. */
export function outcomeOfHit(entry: Entry): Outcome {
  return entry.status >= 400 ? 'Error' : 'Hit'
}

function isShareable(entry: Entry): boolean {
  return entry.ttlSeconds !== null && entry.ttlSeconds > 0
}
