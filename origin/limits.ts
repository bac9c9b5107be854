import { Problem } from '../core/problem.ts'
import type { Dimensions } from './geometry.ts'

export interface Limits {
  /** Bytes of an original that is still read. */
  sourceBytesMax: number
  /** Width x height of an original that is still decoded, all frames of an animation together. */
  inputPixelsMax: number
  /** Renders that run at the same time in this process. */
  rendersMax: number
  /** Renders that may wait for one of those places. */
  queuedRendersMax: number
}

/** @throws Problem SOURCE_TOO_LARGE 422 */
export function checkBytes(bytes: number, { sourceBytesMax }: Limits): void {
  if (bytes > sourceBytesMax) {
    throw new Problem('SOURCE_TOO_LARGE', 422, `The original has more than ${sourceBytesMax} bytes`)
  }
}

/** @throws Problem SOURCE_TOO_LARGE 422 */
export function checkDimensions({ width, height }: Dimensions, { inputPixelsMax }: Limits): void {
  if (width * height > inputPixelsMax) {
    throw new Problem(
      'SOURCE_TOO_LARGE',
      422,
      `The original has more than ${inputPixelsMax / 1e6} megapixels`,
    )
  }
}

export const defaultLimits: Limits = {
  // What a direct upload may have.
  sourceBytesMax: 50 * 1024 ** 2,
  inputPixelsMax: 50_000_000,
  rendersMax: 2,
  queuedRendersMax: 64,
}
