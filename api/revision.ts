import { createHash } from 'node:crypto'
import type { FocalPoint } from '../core/image.ts'

/**
 * What a URL names by `r=`: the first 8 hex digits of the original's SHA-256. With a focal point, of a hash over both,
 * because the crops are other pictures then; a URL with the old revision is immutable, in browsers too.
 *
 * @param sha256 hex; null where it is not known, and then there is no revision either, unless there is a focal point
 */
export function revisionOf(sha256: string | null, focalPoint: FocalPoint | null): string | null {
  if (focalPoint === null) return sha256 === null ? null : sha256.slice(0, 8)
  const seen = `${sha256 ?? ''}@${focalPoint.x},${focalPoint.y}`
  return createHash('sha256').update(seen).digest('hex').slice(0, 8)
}
