import { snapUp } from './ladder.ts'

/**
 * The rungs that pages ask for most: thumbnails and cards in a grid (264 to 640), and pictures as wide as a phone
 * (800 to 1256, at two to three device pixels) or as a column of text on a desktop (1256 to 1960).
 */
export const hotRungs: readonly number[] = [264, 416, 640, 800, 1256, 1960]

/**
 * The rungs under which an image of this width is kept: above the one that its full width snaps up to, no page
 * asks for it.
 */
export function rungsFor(imageWidth: number | null, chosen: readonly number[]): number[] {
  if (imageWidth === null) return [...chosen]
  const largest = snapUp(imageWidth)
  return [...new Set(chosen.map((rung) => Math.min(rung, largest)))]
}
