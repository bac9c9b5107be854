import type { Validators } from './conditional.ts'

/** What to send of a body. `first` and `last` are byte offsets, both included. */
export type ByteRange =
  | { readonly kind: 'full' }
  | { readonly kind: 'part'; readonly first: number; readonly last: number }
  | { readonly kind: 'unsatisfiable' }

const full: ByteRange = { kind: 'full' }
const unsatisfiable: ByteRange = { kind: 'unsatisfiable' }

/**
 * Reads `Range` against a cached body: a single range is served (206), several ranges and what is not a byte range are
 * ignored (200), a range beyond the end is 416. `If-Range` that does not match means the whole body.
 *
 * Source: "How CloudFront processes partial requests for an object (range GETs)"; RFC 9110, 14.
 */
export function byteRange(
  header: string | null,
  bytes: number,
  ifRange: string | null = null,
  validators: Validators = { etag: null, lastModified: null },
): ByteRange {
  if (header === null) return full
  const match = /^bytes=\s*(\d*)-(\d*)\s*$/i.exec(header)
  if (!match) return full
  const [, from = '', to = ''] = match
  if (from === '' && to === '') return full
  if (ifRange !== null && !matchesIfRange(ifRange, validators)) return full

  if (from === '') {
    const length = Math.min(Number(to), bytes)
    return length === 0 ? unsatisfiable : { kind: 'part', first: bytes - length, last: bytes - 1 }
  }
  const first = Number(from)
  if (to !== '' && Number(to) < first) return full
  if (first >= bytes) return unsatisfiable
  return { kind: 'part', first, last: to === '' ? bytes - 1 : Math.min(Number(to), bytes - 1) }
}

function matchesIfRange(ifRange: string, validators: Validators): boolean {
  // Parts of two versions must not be joined, so a weak entity tag never matches (RFC 9110, 13.1.5).
  if (ifRange.startsWith('"')) return ifRange === validators.etag
  return validators.lastModified !== null && ifRange === validators.lastModified
}
