import { parseCacheControl } from './cache-control.ts'

/** The durations of a cache policy and of the error caching configuration, in seconds. */
export interface CachePolicy {
  readonly minTtlSeconds: number
  readonly defaultTtlSeconds: number
  readonly maxTtlSeconds: number
  /** "Error caching minimum TTL" */
  readonly errorMinTtlSeconds: number
}

/** CloudFront's defaults ("Distribution settings reference"). */
export const defaultCachePolicy: CachePolicy = {
  minTtlSeconds: 0,
  defaultTtlSeconds: 86_400,
  maxTtlSeconds: 31_536_000,
  errorMinTtlSeconds: 10,
}

/** The headers that decide how long an answer is cached. */
export interface LifetimeHeaders {
  readonly cacheControl: string | null
  readonly expires: string | null
}

/**
 * How long CloudFront caches a successful answer, in seconds; `null` where it must not be stored.
 *
 * clamp(s-maxage, else max-age, else Expires; min, max), without any of them max(min, default). `no-store`, `no-cache`
 * and `private` count with a minimum TTL of 0 only, else the answer is cached for the minimum TTL.
 *
 * Source: "Specify the amount of time that CloudFront caches objects", in "Manage how long content stays in the cache".
 */
export function ttlSeconds(headers: LifetimeHeaders, policy: CachePolicy, nowMs: number): number | null {
  const cacheControl = parseCacheControl(headers.cacheControl)
  if (cacheControl.forbidsSharing) return policy.minTtlSeconds === 0 ? null : policy.minTtlSeconds

  const asked =
    cacheControl.sharedMaxAgeSeconds ?? cacheControl.maxAgeSeconds ?? expiresInSeconds(headers.expires, nowMs)
  if (asked === null) return Math.max(policy.minTtlSeconds, policy.defaultTtlSeconds)
  return Math.min(Math.max(asked, policy.minTtlSeconds), policy.maxTtlSeconds)
}

function expiresInSeconds(expires: string | null, nowMs: number): number | null {
  if (expires === null) return null
  const atMs = Date.parse(expires)
  // "Expires: 0" and other invalid dates mean the past (RFC 9111, 5.3).
  return Number.isNaN(atMs) ? 0 : Math.max(0, Math.floor((atMs - nowMs) / 1000))
}

const alwaysCachedErrors = new Set([404, 414, 500, 501, 502, 503, 504])
const cachedIfAskedErrors = new Set([400, 403, 405, 412, 415])

/**
 * How long CloudFront caches an error of the origin, in seconds; `null` where it does not.
 *
 * 404, 414 and 500 to 504 always, for max(error minimum TTL, max-age); 400, 403, 405, 412 and 415 only where the
 * origin sends max-age or s-maxage.
 *
 * Source: "How CloudFront processes HTTP 4xx and 5xx status codes from your origin", "HTTP 4xx and 5xx status codes that
 * CloudFront caches".
 */
export function errorTtlSeconds(
  status: number,
  headers: LifetimeHeaders,
  policy: CachePolicy,
): number | null {
  const cacheControl = parseCacheControl(headers.cacheControl)
  const asked = cacheControl.sharedMaxAgeSeconds ?? cacheControl.maxAgeSeconds
  if (alwaysCachedErrors.has(status)) return Math.max(policy.errorMinTtlSeconds, asked ?? 0)
  if (cachedIfAskedErrors.has(status) && asked !== null) return Math.max(policy.errorMinTtlSeconds, asked)
  return null
}
