import { rungs } from '../../core/ladder.ts'
import { nextWidths } from './set-ups.ts'

export interface NamedLadder {
  readonly name: string
  readonly ladder: readonly number[]
}

/** The block size of JPEG, as in core/ladder.ts. */
export const step = 8
/** The smallest rung of ladders that are fitted: an avatar of 64 CSS pixels on a telephone. */
export const smallestRung = 192
/** The largest one: 1920 CSS pixels at two device pixels each. */
export const largestRung = 3840
/** How many times as large as the one before a rung of a fitted ladder may be. */
export const ratioMax = 2

/** Ladders that a person could have written down, none of them fitted to an audience by a program. */
export const writtenLadders: readonly NamedLadder[] = [
  { name: 'present', ladder: rungs },
  { name: 'x 1.25 by 640', ladder: geometric(1.25, 640) },
  { name: 'x 1.3 by 640', ladder: geometric(1.3, 640) },
  { name: 'x 1.35 by 640', ladder: geometric(1.35, 640) },
  { name: 'x 1.4 by 640', ladder: geometric(1.4, 640) },
  { name: 'x 1.4 by 1088', ladder: geometric(1.4, 1088) },
  { name: 'x 1.5 by 640', ladder: geometric(1.5, 640) },
  { name: 'x 1.5 by 1088', ladder: geometric(1.5, 1088) },
  { name: 'Next.js', ladder: nextWidths },
  { name: 'round', ladder: [64, 128, 256, 384, 512, 640, 828, 1080, 1280, 1600, 1920, 2560, 3840] },
  { name: 'R1 fitted, 10', ladder: [128, 256, 520, 720, 1088, 1224, 1448, 1920, 2400, 3816] },
  { name: 'devices from 96', ladder: [96, 192, 384, 600, 768, 1088, 1208, 1448, 1920, 2560, 3072, 3840] },
  { name: 'devices from 160', ladder: [160, 336, 600, 768, 1088, 1208, 1448, 1920, 2560, 3072, 3840] },
  { name: 'devices', ladder: [192, 384, 600, 768, 1088, 1208, 1448, 1920, 2560, 3072, 3840] },
]

/** Each rung `ratio` times the one before, through the anchor, from 56 or less up to 3840 at most. */
export function geometric(ratio: number, anchor: number): number[] {
  const below = Math.ceil(Math.log(anchor / 56) / Math.log(ratio))
  const above = Math.floor(Math.log(largestRung / anchor) / Math.log(ratio))
  return Array.from(
    { length: below + above + 1 },
    (_, index) => Math.ceil((anchor * ratio ** (index - below)) / step - 1e-9) * step,
  )
}
