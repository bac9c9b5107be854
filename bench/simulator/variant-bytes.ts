import type { Format } from '../../core/ladder.ts'

/**
 * A line through the sizes that the image origin's own encoders gave at 136 to 800 pixels of width, medium quality,
 * for the nine photographs of docs/photographs.md: bytes = fixed + perPixel × pixels.
 */
const measured: Record<Exclude<Format, 'png'>, { readonly fixed: number; readonly perPixel: number }> = {
  avif: { fixed: 780, perPixel: 0.076 },
  webp: { fixed: 770, perPixel: 0.088 },
  jpeg: { fixed: 1180, perPixel: 0.122 },
}

/** How many bytes a photograph of this width takes; photographs of the workload are 3:2. */
export function variantBytes(width: number, format: Format): number {
  if (format === 'png') throw new RangeError('the workload asks for no PNG')
  const { fixed, perPixel } = measured[format]
  return Math.round(fixed + perPixel * pixelsOf(width))
}

/** Pixels of a 3:2 photograph. */
export function pixelsOf(width: number): number {
  return (width * width * 2) / 3
}
