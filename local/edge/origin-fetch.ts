import { createEntry, refreshEntry, type Entry, type EntryOptions } from './entry.ts'
import { servesInsteadOfError } from './freshness.ts'
import { OriginFailure, type Origin, type OriginResponse } from './origin.ts'
import type { Next, TierAnswer } from './tier.ts'
import { errorTtlSeconds, type CachePolicy } from './ttl.ts'

export interface OriginFetchOptions {
  readonly origin: Origin
  readonly policy: CachePolicy
  readonly responseHeaders: Readonly<Record<string, string>>
  /** sent with every request to the origin */
  readonly originHeaders: Readonly<Record<string, string>>
  /** milliseconds since the epoch */
  readonly now: () => number
}

/**
 * What stands behind the last tier: asks the origin, with GET always, and with the validators of an expired entry.
 *
 * 304 renews the entry (RefreshHit). 5xx or no answer: the expired entry stays in service until the error caching
 * minimum TTL has passed, then the origin is tried again. An origin that gives no answer is 502, after a timeout 504.
 *
 * Source: "Request and response behavior", "How CloudFront processes HTTP 4xx and 5xx status codes from your origin".
 */
export function createOriginFetch(options: OriginFetchOptions): Next {
  const { origin, policy, responseHeaders, originHeaders, now } = options

  return async ({ key, known }) => {
    const response = await askOrigin(key, known)
    const entryOptions: EntryOptions = { policy, responseHeaders, nowMs: now() }
    if (response.status === 304 && known !== null) {
      return { entry: refreshEntry(known, response, entryOptions), outcome: 'RefreshHit' }
    }
    if (response.status >= 500 && known !== null && isServable(known)) return hold(known, response.status)
    const entry = createEntry(response, entryOptions)
    return { entry, outcome: entry.status >= 400 ? 'Error' : 'Miss' }
  }

  async function askOrigin(path: string, known: Entry | null): Promise<OriginResponse> {
    // GET for a viewer's HEAD too: the answer fills the cache, and the image is what is asked for next.
    const headers = { ...originHeaders, ...conditionsOf(known) }
    try {
      return await origin({ method: 'GET', path, headers })
    } catch (error) {
      // Anything but a failure to answer is a fault in an origin that runs in this process; viewers see 502 as well.
      return failureResponse(error instanceof OriginFailure && error.kind === 'timeout' ? 504 : 502)
    }
  }

  function isServable(known: Entry): boolean {
    return known.status < 400 && servesInsteadOfError(known, now())
  }

  function hold(known: Entry, status: number): TierAnswer {
    const pauseSeconds =
      errorTtlSeconds(status, { cacheControl: null, expires: null }, policy) ?? policy.errorMinTtlSeconds
    return { entry: { ...known, retryAtMs: now() + pauseSeconds * 1000 }, outcome: 'RefreshHit' }
  }
}

function conditionsOf(known: Entry | null): Record<string, string> {
  const headers: Record<string, string> = {}
  // An error has nothing worth confirming.
  if (known === null || known.status >= 400) return headers
  if (known.etag !== null) headers['if-none-match'] = known.etag
  if (known.lastModified !== null) headers['if-modified-since'] = known.lastModified
  return headers
}

function failureResponse(status: 502 | 504): OriginResponse {
  const reason = status === 504 ? 'The origin took too long.' : 'The origin gave no complete answer.'
  return { status, headers: [['Content-Type', 'text/plain']], body: Buffer.from(`${reason}\n`) }
}
