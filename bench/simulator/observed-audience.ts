import { type ObservedWidth, optimalLadder } from '../../scripts/ladder/optimal-ladder.ts'
import type { Audience } from './audience.ts'
import { largestRung, ratioMax, smallestRung, step } from './ladders.ts'
import { snap } from './set-ups.ts'
import { neededWidth, r1, viewings } from './workload.ts'

/** How often an audience asks for a width of an original of another width, in device pixels. */
export interface ObservedAudience {
  readonly name: string
  readonly widths: readonly (ObservedWidth & { readonly sourceWidth: number })[]
}

/** What an audience asks for, from a sample of the requests of R1. */
export function observe(audience: Audience, requests: number): ObservedAudience {
  const counted = new Map<string, { width: number; sourceWidth: number; requests: number }>()
  for (const viewing of viewings({ ...r1, requests, audience })) {
    const { sourceWidth } = viewing
    const width = neededWidth(viewing)
    const key = `${width} ${sourceWidth}`
    const known = counted.get(key)
    if (known === undefined) counted.set(key, { width, sourceWidth, requests: 1 })
    else known.requests++
  }
  return { name: audience.name, widths: [...counted.values()] }
}

/** The same where every image of every page stands as much wider or narrower, as after a new design. */
export function resizedBy(factor: number, { name, widths }: ObservedAudience): ObservedAudience {
  const resized = widths.map(({ width, sourceWidth, requests }) => ({
    width: Math.min(Math.ceil(width * factor), sourceWidth),
    sourceWidth,
    requests,
  }))
  return { name, widths: resized }
}

/**
 * Pixels delivered beyond those needed, per pixel needed. Unlike `overfetchOf` for logs, this knows the originals: none is
 * enlarged.
 */
export function extraPixelsOf({ widths }: ObservedAudience, ladder: readonly number[]): number {
  let extra = 0
  let needed = 0
  for (const { width, sourceWidth, requests } of widths) {
    const delivered = Math.min(snap(width, ladder), sourceWidth)
    extra += requests * Math.max(0, delivered ** 2 - width ** 2)
    needed += requests * width ** 2
  }
  return extra / needed
}

/** The best ladder of so many rungs for several audiences, of which each counts alike, however large its images are. */
export function ladderFor(audiences: readonly ObservedAudience[], rungs: number): number[] {
  const observed = audiences.flatMap(({ widths }) => {
    const pixels = widths.reduce((sum, { width, requests }) => sum + requests * width ** 2, 0)
    return widths.map(({ width, requests }) => ({
      width: Math.min(Math.max(width, smallestRung), largestRung),
      requests: requests / pixels,
    }))
  })
  return optimalLadder(observed, { rungs, step, ratioMax, include: [smallestRung, largestRung] })
}
