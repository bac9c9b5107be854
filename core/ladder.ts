/**
 * What may be delivered: widths, aspect ratios, quality bands, presets and formats. Every cache key is made
 * of these words alone, so their product bounds how many variants one image can have.
 *
 * A change that gives an existing name another meaning needs a new `ladderVersion`: it is part of every
 * canonical path, so old and new variants never meet under one key.
 *
 * This file runs inside the edge function: see docs/edge-function.md for the language it may use.
 */

export const ladderVersion = '1'

/**
 * Output widths in pixels: geometric, each 1.25 x the one before, anchored at 640 and rounded up to a
 * multiple of 8 (the block size of JPEG, and what AVIF and WebP like best). A width chosen evenly over a step
 * costs 26 % extra pixels at worst on average: the mean of r^2 over [1, 1.25], log-uniform.
 */
export const rungs: readonly number[] = [
  56, 72, 88, 112, 136, 168, 216, 264, 328, 416, 512, 640, 800, 1000, 1256, 1568, 1960, 2448, 3056, 3816,
]

/** The rung for a URL that names no width: the largest one below 2048. */
export const defaultWidth = 1960

export const widthMax = 8192
export const pixelRatioMax = 4

/** Aspect ratios, width:height, in the spelling of the URL. */
export const aspectRatios: readonly string[] = [
  '21:9',
  '2:1',
  '16:9',
  '3:2',
  '4:3',
  '5:4',
  '1:1',
  '4:5',
  '3:4',
  '2:3',
  '9:16',
  '1:2',
]

export type Fit = 'inside' | 'cover'

/** Quality bands, low to high; the encoders' own settings for them stand in origin/encoders.ts. */
export type Band = 1 | 2 | 3
export const bandNames: readonly string[] = ['low', 'medium', 'high']
export const defaultBand: Band = 2

/** Best first: the order in which equally acceptable formats are chosen. */
export const formats = ['avif', 'webp', 'jpeg', 'png'] as const
export type Format = (typeof formats)[number]

/** Sizes off the ladder that have a name. Quality is the encoder's own scale, for WebP. */
export interface Preset {
  width: number
  height: number
  fit: Fit
  quality: number
}
export const presets: { readonly [name: string]: Preset } = {
  thumb: { width: 400, height: 400, fit: 'cover', quality: 80 },
  full: { width: 2048, height: 2048, fit: 'inside', quality: 85 },
}

/**
 * The pixels that an image of a width in CSS pixels fills on a screen, rounded up. The tolerance keeps 360 x 1.1, which
 * is 396.00000000000006, from asking for one pixel more.
 */
export function devicePixels(cssWidth: number, pixelRatio: number): number {
  return Math.ceil(cssWidth * pixelRatio - 1e-6)
}

/** The smallest rung that is at least `width` pixels, or the largest rung there is. */
export function snapUp(width: number): number {
  for (let i = 0; i < rungs.length; i++) {
    if (rungs[i]! >= width) return rungs[i]!
  }
  return rungs[rungs.length - 1]!
}

/** The band of a quality on the scale 1..100; the bounds lie midway between 50, 75 and 90. */
export function bandOf(quality: number): Band {
  if (quality <= 62) return 1
  return quality <= 82 ? 2 : 3
}

/** Width over height of a ratio such as `16:9`. */
export function ratioValue(ratio: string): number {
  const at = ratio.indexOf(':')
  return Number(ratio.slice(0, at)) / Number(ratio.slice(at + 1))
}

/** The configured aspect ratio nearest to `value`; near is measured on a log scale, so 2:1 is as far as 1:2. */
export function nearestRatio(value: number): string {
  let best = aspectRatios[0]!
  for (let i = 1; i < aspectRatios.length; i++) {
    const candidate = aspectRatios[i]!
    if (distance(candidate, value) < distance(best, value)) best = candidate
  }
  return best
}

function distance(ratio: string, value: number): number {
  return Math.abs(Math.log(ratioValue(ratio) / value))
}
