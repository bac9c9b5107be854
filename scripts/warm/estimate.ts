import type { Format } from '../../core/ladder.ts'
import type { Work } from './cost.ts'
import type { WarmRequest } from './plan.ts'

/**
 * Lines through the bytes that the image origin's encoders gave for the nine photographs of docs/photographs.md at 168 to 800
 * pixels of width, medium quality: bytes = fixed + perPixel × pixels.
 */
const measuredBytes: Readonly<Record<Format, { readonly fixed: number; readonly perPixel: number }>> = {
  avif: { fixed: 3_300, perPixel: 0.07 },
  webp: { fixed: 4_300, perPixel: 0.08 },
  jpeg: { fixed: 4_800, perPixel: 0.113 },
  png: { fixed: 25_000, perPixel: 1.57 },
}

/**
 * The same for the time to the whole answer of a cold request, one at a time on a machine with two cores. Originals of that
 * measurement had half a megapixel; larger ones take longer.
 */
const measuredMilliseconds = { fixed: 32, perPixel: 0.000_055 }

/** What a plan would cause if nothing of it were warm, and everything had to be rendered. */
export function coldWork(requests: readonly WarmRequest[]): Work {
  const work: Work = {
    sent: requests.length,
    bytes: 0,
    fromBucket: 0,
    rendered: requests.length,
    renderMilliseconds: 0,
  }
  for (const { format, pixels } of requests) {
    const { fixed, perPixel } = measuredBytes[format]
    work.bytes += Math.round(fixed + perPixel * pixels)
    work.renderMilliseconds += measuredMilliseconds.fixed + measuredMilliseconds.perPixel * pixels
  }
  return work
}

/** The same if all of it were warm. */
export function warmWork(requests: readonly WarmRequest[]): Work {
  return { ...coldWork(requests), rendered: 0, renderMilliseconds: 0 }
}
