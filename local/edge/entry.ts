import type { Validators } from './conditional.ts'
import { staleWindows, type Lifetime } from './freshness.ts'
import { headerValue, type HeaderPairs, type OriginResponse } from './origin.ts'
import { errorTtlSeconds, ttlSeconds, type CachePolicy } from './ttl.ts'

/** An answer as the cache holds it: bytes ready to send, and how long they are good. */
export interface Entry extends Lifetime, Validators {
  readonly status: number
  /** name, value, name, value, … as `res.writeHead` takes them; without what differs per request */
  readonly headers: readonly string[]
  readonly body: Buffer
}

export interface EntryOptions {
  readonly policy: CachePolicy
  /** the response headers policy: replaces headers of the same name */
  readonly responseHeaders: Readonly<Record<string, string>>
  readonly nowMs: number
}

// Hop-by-hop headers (RFC 9110, 7.6.1), and what CloudFront writes itself. Vary comes from the response headers policy,
// since no header is forwarded; Set-Cookie is removed because no cookie is ("Cache content based on cookies").
const droppedHeaders = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'content-length',
  'age',
  'set-cookie',
  'vary',
  'via',
  'x-cache',
  'x-amz-cf-id',
  'x-amz-cf-pop',
])

/** Makes an entry of an origin's answer. */
export function createEntry(response: OriginResponse, options: EntryOptions): Entry {
  const { status, body } = response
  const pairs = survivingHeaders(response.headers, options.responseHeaders)
  const lifetimeHeaders = {
    cacheControl: headerValue(response.headers, 'cache-control'),
    expires: headerValue(response.headers, 'expires'),
  }
  const { policy, nowMs } = options
  return {
    status,
    headers: [...pairs.flat(), 'Content-Length', String(body.length)],
    body,
    etag: headerValue(response.headers, 'etag'),
    lastModified: headerValue(response.headers, 'last-modified'),
    storedAtMs: nowMs,
    ttlSeconds:
      status < 400
        ? ttlSeconds(lifetimeHeaders, policy, nowMs)
        : errorTtlSeconds(status, lifetimeHeaders, policy),
    ...(status < 400
      ? staleWindows(lifetimeHeaders.cacheControl, policy.maxTtlSeconds)
      : { staleWhileRevalidateSeconds: 0, staleIfErrorSeconds: 0 }),
    retryAtMs: 0,
  }
}

/** The entry after the origin confirmed it with 304: the same bytes, headers replaced where the 304 has them. */
export function refreshEntry(base: Entry, notModified: OriginResponse, options: EntryOptions): Entry {
  const renewed = new Set(notModified.headers.map(([name]) => name.toLowerCase()))
  const kept = pairsOf(base.headers).filter(([name]) => !renewed.has(name.toLowerCase()))
  const headers = [...kept, ...notModified.headers]
  return createEntry({ status: base.status, headers, body: base.body }, options)
}

/** What an entry takes of a cache's room: its body, its headers, and an allowance for the object itself. */
export function entryBytes(entry: Entry): number {
  let bytes = entry.body.length + 256
  for (const text of entry.headers) bytes += text.length
  return bytes
}

function survivingHeaders(
  headers: HeaderPairs,
  policyHeaders: Readonly<Record<string, string>>,
): HeaderPairs {
  const dropped = new Set(Object.keys(policyHeaders).map((name) => name.toLowerCase()))
  for (const name of (headerValue(headers, 'connection') ?? '').split(',')) {
    dropped.add(name.trim().toLowerCase())
  }
  const kept = headers.filter(([name]) => {
    const key = name.toLowerCase()
    return !droppedHeaders.has(key) && !dropped.has(key)
  })
  return [...kept, ...Object.entries(policyHeaders)]
}

function pairsOf(flat: readonly string[]): HeaderPairs {
  const pairs: [string, string][] = []
  for (let i = 0; i + 1 < flat.length; i += 2) pairs.push([flat[i]!, flat[i + 1]!])
  return pairs
}
