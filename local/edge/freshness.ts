import { parseCacheControl } from './cache-control.ts'

/** When an answer came from the origin, and what may be done with it later. */
export interface Lifetime {
  /** when the origin answered, or last confirmed with 304 */
  readonly storedAtMs: number
  /** `null`: not to be stored */
  readonly ttlSeconds: number | null
  /** how long after its end it may be served while a refresh is under way */
  readonly staleWhileRevalidateSeconds: number
  /** how long after its end it may be served in place of a 5xx; `null`: without limit, CloudFront's default */
  readonly staleIfErrorSeconds: number | null
  /** until when the origin is left alone after a 5xx */
  readonly retryAtMs: number
}

/**
 * `fresh`: serve. `stale-while-revalidate`: serve, and refresh in the background. `expired`: ask the origin first.
 *
 * Source: "Use the stale-while-revalidate and stale-if-error directives", in "Manage how long content stays in the cache".
 */
export type Freshness = 'fresh' | 'stale-while-revalidate' | 'expired'

/** How an answer may be used at `nowMs`. */
export function freshness(lifetime: Lifetime, nowMs: number): Freshness {
  if (lifetime.ttlSeconds === null) return 'expired'
  if (nowMs < lifetime.retryAtMs) return 'fresh'
  const overdueMs = nowMs - (lifetime.storedAtMs + lifetime.ttlSeconds * 1000)
  if (overdueMs < 0) return 'fresh'
  return overdueMs < lifetime.staleWhileRevalidateSeconds * 1000 ? 'stale-while-revalidate' : 'expired'
}

/**
 * Whether a stored answer is served in place of a 5xx: for as long as `stale-if-error` says, without it always.
 *
 * Source: "How CloudFront processes HTTP 4xx and 5xx status codes from your origin": an expired object stays in service
 * while the origin returns 5xx.
 */
export function servesInsteadOfError(lifetime: Lifetime, nowMs: number): boolean {
  if (lifetime.ttlSeconds === null) return false
  if (lifetime.staleIfErrorSeconds === null) return true
  const endsAtMs = lifetime.storedAtMs + (lifetime.ttlSeconds + lifetime.staleIfErrorSeconds) * 1000
  return nowMs < endsAtMs
}

/** The value of `Age`: whole seconds since the origin answered. */
export function ageSeconds(lifetime: Lifetime, nowMs: number): number {
  return Math.max(0, Math.floor((nowMs - lifetime.storedAtMs) / 1000))
}

/** The stale windows that an answer asks for; the maximum TTL bounds them. */
export function staleWindows(
  cacheControl: string | null,
  maxTtlSeconds: number,
): Pick<Lifetime, 'staleWhileRevalidateSeconds' | 'staleIfErrorSeconds'> {
  const { staleWhileRevalidateSeconds, staleIfErrorSeconds } = parseCacheControl(cacheControl)
  return {
    staleWhileRevalidateSeconds: Math.min(staleWhileRevalidateSeconds ?? 0, maxTtlSeconds),
    staleIfErrorSeconds: staleIfErrorSeconds === null ? null : Math.min(staleIfErrorSeconds, maxTtlSeconds),
  }
}
