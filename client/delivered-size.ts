import { type Fit, ratioValue } from '../core/ladder.ts'

export interface Dimensions {
  width: number
  height: number
}

/** A box on the ladder. `ratio` is '' where there is none. */
export interface Box {
  width: number
  ratio: string
  fit: Fit
}

/**
 * The size in pixels that comes out where this box is asked of this original: nothing is enlarged, and a ratio is kept
 * by taking away from the longer side. The image origin computes the same, digit for digit: a srcset must not promise
 * a width that does not come.
 */
export function deliveredSize(original: Dimensions, { width, ratio, fit }: Box): Dimensions {
  const height = ratio === '' ? (width * original.height) / original.width : width / ratioValue(ratio)
  if (ratio !== '' && fit === 'cover') {
    return scaledBy({ width, height }, Math.min(1, original.width / width, original.height / height))
  }
  return scaledBy(original, Math.min(1, width / original.width, height / original.height))
}

function scaledBy({ width, height }: Dimensions, scale: number): Dimensions {
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) }
}
