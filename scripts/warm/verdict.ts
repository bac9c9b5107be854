import { makeshift } from '../../origin/caching.ts'
import type { Format } from '../../core/ladder.ts'
import { retryAfterMilliseconds } from './retry-after.ts'

/** What an answer of the CDN tells. */
export type Verdict =
  | { kind: 'already warm' | 'from bucket' | 'rendered' }
  | { kind: 'failed'; reason: string }
  /** Asked again after a while, it may be answered. */
  | { kind: 'busy'; reason: string; waitMilliseconds: number }

/**
 * Where a busy answer names no time: for so long CloudFront keeps it by default (error caching minimum TTL), and would give
 * it again.
 */
const errorCachedMilliseconds = 10_000
/** For so long the CDN keeps what stands in for a picture: its `s-maxage`. */
const makeshiftMilliseconds = 5_000

/**
 * Judges an answer by its status and headers.
 *
 * A picture from the variants bucket has Last-Modified, which S3 always sends and the image origin never does. The origin
 * may have read it from the bucket too, for a URL without revision: that counts as rendered.
 *
 * @param now milliseconds since the epoch
 */
export function judge({ status, headers }: Response, asked: Format, now: number): Verdict {
  if (status === 429 || status === 503) {
    const wait = retryAfterMilliseconds(headers.get('retry-after'), now) ?? errorCachedMilliseconds
    return { kind: 'busy', reason: `status ${status}`, waitMilliseconds: wait }
  }
  if (status !== 200) return failed(`status ${status}`)
  if (headers.get('cache-control') === makeshift) {
    const reason = 'another picture stands in for it: the origin is busy'
    return { kind: 'busy', reason, waitMilliseconds: makeshiftMilliseconds }
  }
  const type = headers.get('content-type')
  if (!isExpected(type, asked)) return failed(`came as ${type}`)
  return judgeCache(headers)
}

function judgeCache(headers: Headers): Verdict {
  const cache = headers.get('x-cache') ?? ''
  if (/^(Hit|RefreshHit)\b/.test(cache)) return { kind: 'already warm' }
  if (/^Miss\b/.test(cache)) return { kind: headers.has('last-modified') ? 'from bucket' : 'rendered' }
  // No CDN in between keeps anything: that would be no warm-up.
  return failed(cache === '' ? 'no X-Cache: it is not a CDN that answers' : `X-Cache: ${cache}`)
}

/** Animations come as WebP where AVIF was asked for. */
function isExpected(type: string | null, asked: Format): boolean {
  return type === `image/${asked}` || (asked === 'avif' && type === 'image/webp')
}

function failed(reason: string): Verdict {
  return { kind: 'failed', reason }
}
