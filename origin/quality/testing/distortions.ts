import type { Picture } from '../picture.ts'

/*
 * Pictures and their distortions by whole-number arithmetic alone: the same bytes on every machine, so that scores that
 * the reference tool gave for them stay valid.
 */

/** A rectangle out of a picture. */
export function cropped(picture: Picture, left: number, top: number, width: number, height: number): Picture {
  return mapped({ width, height, pixels: new Uint8Array(width * height * 3) }, (x, y, channel) =>
    at(picture, left + x, top + y, channel),
  )
}

export const distortions = {
  /** Blocks of 8 x 8 lose what is finer than a step around their mean. */
  blocks: (picture: Picture): Picture => quantised(picture, 24),
  coarseBlocks: (picture: Picture): Picture => quantised(picture, 96),
  /** The mean of 3 x 3 pixels. */
  blur: (picture: Picture): Picture => boxBlurred(picture, 1),
  strongBlur: (picture: Picture): Picture => boxBlurred(picture, 4),
  /** Up to 6 of 255 more or less in each channel. */
  noise: (picture: Picture): Picture => {
    const random = randomNumbers(1)
    return mapped(picture, (x, y, channel) => at(picture, x, y, channel) + Math.round(random() * 12) - 6)
  },
  /** Colour of 2 x 2 pixels, brightness of each. */
  chroma: (picture: Picture): Picture =>
    mapped(picture, (x, y, channel) => {
      const [left, top] = [x - (x % 2), y - (y % 2)]
      return luma(picture, x, y) + at(picture, left, top, channel) - luma(picture, left, top)
    }),
  /** One pixel to the right. */
  shift: (picture: Picture): Picture => mapped(picture, (x, y, channel) => at(picture, x - 1, y, channel)),
  /** Two of 255 brighter. */
  brighter: (picture: Picture): Picture => mapped(picture, (x, y, channel) => at(picture, x, y, channel) + 2),
} as const

function quantised(picture: Picture, step: number): Picture {
  return mapped(picture, (x, y, channel) => {
    const mean = blockMean(picture, x - (x % 8), y - (y % 8), channel)
    return mean + Math.round((at(picture, x, y, channel) - mean) / step) * step
  })
}

function blockMean(picture: Picture, left: number, top: number, channel: number): number {
  let sum = 0
  for (let y = 0; y < 8; y++) for (let x = 0; x < 8; x++) sum += at(picture, left + x, top + y, channel)
  return Math.round(sum / 64)
}

function boxBlurred(picture: Picture, radius: number): Picture {
  return mapped(picture, (x, y, channel) => {
    let sum = 0
    for (let dy = -radius; dy <= radius; dy++) {
      for (let dx = -radius; dx <= radius; dx++) sum += at(picture, x + dx, y + dy, channel)
    }
    return Math.round(sum / (2 * radius + 1) ** 2)
  })
}

function luma(picture: Picture, x: number, y: number): number {
  const [red, green, blue] = [at(picture, x, y, 0), at(picture, x, y, 1), at(picture, x, y, 2)]
  return Math.round((299 * red + 587 * green + 114 * blue) / 1000)
}

/** A picture of the same size, made value by value; values beyond 0..255 are cut off. */
function mapped(
  { width, height }: Picture,
  value: (x: number, y: number, channel: number) => number,
): Picture {
  const pixels = new Uint8Array(width * height * 3)
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let channel = 0; channel < 3; channel++, i++) {
        pixels[i] = Math.max(0, Math.min(255, value(x, y, channel)))
      }
    }
  }
  return { width, height, pixels }
}

/** A value of a picture, at its edge also of what would lie beyond. */
function at({ width, height, pixels }: Picture, x: number, y: number, channel: number): number {
  const column = Math.max(0, Math.min(width - 1, x))
  const row = Math.max(0, Math.min(height - 1, y))
  return pixels[(row * width + column) * 3 + channel]!
}

/** Numbers from 0 to 1: the linear congruential generator of Numerical Recipes. */
export function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
