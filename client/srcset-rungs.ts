import { rungs, snapUp } from '../core/ladder.ts'

/** Which widths a srcset offers. */
export interface Offer {
  /** Exactly these, in pixels; each goes up to the next rung. */
  widths?: readonly number[]
  /** The `sizes` attribute: leaves out what no screen would choose. */
  sizes?: string
  /** Pixels; nothing wider than the rung that holds it is offered. */
  maxWidth?: number
}

/** Narrower rungs serve icons; a srcset with all of them is longer than it helps. */
const widthMin = 264
/** CSS pixels across the narrowest phone. */
const viewportMin = 320
/** Device pixels per CSS pixel beyond which nobody sees more. */
const pixelRatioMax = 3

/** The rungs to offer in a srcset, narrow to wide; at least one. */
export function srcsetRungs({ widths, sizes, maxWidth = Infinity }: Offer): number[] {
  if (widths !== undefined && widths.length > 0) {
    const asked = new Set(widths.map((width) => snapUp(Math.min(width, maxWidth))))
    return rungs.filter((rung) => asked.has(rung))
  }
  const { min, max } = pixelsBetween(sizes)
  const widest = snapUp(Math.min(max, maxWidth))
  const offered = rungs.filter((rung) => rung >= min && rung <= widest)
  return offered.length > 0 ? offered : [widest]
}

/** The device pixels that an image with these `sizes` can take. What is not `px` or `vw` may be anything. */
function pixelsBetween(sizes: string | undefined): { min: number; max: number } {
  const lengths = (sizes ?? '').split(',').map((entry) => /(?:^|\s)(\d*\.?\d+)(px|vw)\s*$/i.exec(entry))
  let min = Infinity
  let max = 0
  for (const length of lengths) {
    if (length === null) return { min: widthMin, max: Infinity }
    const inPixels = length[2]!.toLowerCase() === 'px'
    min = Math.min(min, inPixels ? Number(length[1]) : (Number(length[1]) / 100) * viewportMin)
    max = Math.max(max, inPixels ? Number(length[1]) * pixelRatioMax : Infinity)
  }
  return { min, max }
}
