import type { Picture } from './picture.ts'
import { createBlur, recursiveGaussian } from './recursive-gaussian.ts'
import { weights } from './ssimulacra2-weights.ts'
import { linearToXyb, type Planes, toLinear } from './xyb.ts'

/*
 * SSIMULACRA2, version 2.1: how much a picture looks like the one that it was made from.
 *
 * Algorithm and constants are those of https://github.com/cloudinary/ssimulacra2, Copyright (c) Jon Sneyers, Cloudinary,
 * and of the parts of libjxl that it uses, Copyright (c) the JPEG XL Project Authors; both BSD 3-clause. Written anew
 * here, because no library for Node gives the reference's scores (docs/adr/0006-encoder-settings.md).
 */

const { fround } = Math
const scales = 6
/** A scale whose shorter side is less than this has no smaller one below it. */
const sideMin = 8
const gaussian = recursiveGaussian(1.5)
/** Keeps the quotient of variances steady where both pictures are flat. */
const varianceFloor = 0.0009

/**
 * The score of a picture beside the one that it was made from: 100 if they are the same, 90 if nobody sees a difference
 * in a flicker test, about 70 where artefacts are hard to notice without comparison, 50 where they start to annoy; bad
 * ones go below 0. Not symmetric: what is lost weighs differently from what is added.
 *
 * The reference gives the same score within 0.05, also for small pictures. There it means little: a picture whose shorter
 * side is 112 px or less has fewer than six scales, and the reference then reads the weights of other scales and
 * channels. To compare small pictures, enlarge them by `mirrored` first.
 *
 * Transparency is the caller's: flatten both pictures onto the same grey; the reference tool takes 10 % and 90 % grey
 * and the worse of both scores.
 *
 * Takes about 60 bytes of memory a pixel.
 *
 * @throws RangeError if the pictures differ in size, are less than 8 px wide or high, or don't hold three bytes a pixel
 */
export function ssimulacra2(original: Picture, distorted: Picture): number {
  checkSizes(original, distorted)
  return scoreOf(errorsOf(original, distorted))
}

function checkSizes(original: Picture, distorted: Picture): void {
  const { width, height } = original
  if (width !== distorted.width || height !== distorted.height) {
    throw new RangeError(
      `Pictures of ${width} x ${height} and ${distorted.width} x ${distorted.height} pixels can’t be compared`,
    )
  }
  if (Math.min(width, height) < sideMin) {
    throw new RangeError(
      `A picture of ${width} x ${height} pixels is too small: ${sideMin} x ${sideMin} at least`,
    )
  }
  for (const { pixels } of [original, distorted]) {
    if (pixels.length !== width * height * 3) {
      throw new RangeError(`${pixels.length} bytes are no RGB picture of ${width} x ${height} pixels`)
    }
  }
}

/** What is wrong with one channel at one scale, in the order of the weights. */
type ChannelErrors = [number, number, number, number, number, number]

/** The errors of each channel, from the full size down. */
function errorsOf(original: Picture, distorted: Picture): ChannelErrors[][] {
  let { width, height } = original
  let pair: PlanesPair = [planesOf(width * height), planesOf(width * height)]
  toLinear(original, pair[0])
  toLinear(distorted, pair[1])
  const buffers = allocateBuffers(width * height)

  const errors: ChannelErrors[][] = [[], [], []]
  for (let scale = 0; scale < scales; scale++) {
    const count = width * height
    // Scaling down is done in linear light, before XYB takes its place.
    const halved: PlanesPair = [halve(pair[0], width, height), halve(pair[1], width, height)]
    for (const planes of pair) linearToXyb(planes, count)
    const blur = createBlur(gaussian, width, height)
    for (const [channel, list] of errors.entries()) {
      list.push(channelErrors(pair[0][channel]!, pair[1][channel]!, count, blur, buffers))
    }
    if (Math.min(width, height) < sideMin) break
    pair = halved
    width = half(width)
    height = half(height)
  }
  return errors
}

/** Planes of the original and of the distorted picture. */
type PlanesPair = readonly [Planes, Planes]

interface Buffers {
  mean1: Float32Array
  mean2: Float32Array
  square1: Float32Array
  square2: Float32Array
  product: Float32Array
}

function allocateBuffers(count: number): Buffers {
  const plane = (): Float32Array => new Float32Array(count)
  return { mean1: plane(), mean2: plane(), square1: plane(), square2: plane(), product: plane() }
}

function planesOf(count: number): Planes {
  return [new Float32Array(count), new Float32Array(count), new Float32Array(count)]
}

function half(side: number): number {
  return (side + 1) >> 1
}

/** Every pixel the mean of four; the last column and row stand twice where a side is odd. */
function halve(planes: Planes, width: number, height: number): Planes {
  const halfWidth = half(width)
  const halfHeight = half(height)
  const halved = planesOf(halfWidth * halfHeight)
  for (const [channel, plane] of planes.entries()) {
    const output = halved[channel]!
    for (let y = 0, at = 0; y < halfHeight; y++) {
      const upper = 2 * y * width
      const lower = Math.min(2 * y + 1, height - 1) * width
      for (let x = 0; x < halfWidth; x++, at++) {
        const left = 2 * x
        const right = Math.min(left + 1, width - 1)
        const above = fround(plane[upper + left]! + plane[upper + right]!)
        output[at] = 0.25 * fround(fround(above + plane[lower + left]!) + plane[lower + right]!)
      }
    }
  }
  return halved
}

function channelErrors(
  original: Float32Array,
  distorted: Float32Array,
  count: number,
  blur: ReturnType<typeof createBlur>,
  { mean1, mean2, square1, square2, product }: Buffers,
): ChannelErrors {
  for (let i = 0; i < count; i++) {
    const a = original[i]!
    const b = distorted[i]!
    square1[i] = a * a
    square2[i] = b * b
    product[i] = a * b
  }
  blur(original, mean1)
  blur(distorted, mean2)
  blur(square1, square1)
  blur(square2, square2)
  blur(product, product)

  let [structure, structure4, added, added4, lost, lost4] = [0, 0, 0, 0, 0, 0]
  for (let i = 0; i < count; i++) {
    const a = mean1[i]!
    const b = mean2[i]!
    const alike = 1 - (a - b) * (a - b)
    const covariance = product[i]! - a * b
    const variances = square1[i]! - a * a + square2[i]! - b * b
    const structural = 1 - (alike * (2 * covariance + varianceFloor)) / (variances + varianceFloor)
    if (structural > 0) {
      structure += structural
      structure4 += fourthPower(structural)
    }
    const edge = (1 + Math.abs(distorted[i]! - b)) / (1 + Math.abs(original[i]! - a)) - 1
    if (edge > 0) {
      added += edge
      added4 += fourthPower(edge)
    } else {
      lost -= edge
      lost4 += fourthPower(edge)
    }
  }
  const norm4 = (sum: number): number => Math.sqrt(Math.sqrt(sum / count))
  return [structure / count, added / count, lost / count, norm4(structure4), norm4(added4), norm4(lost4)]
}

function fourthPower(value: number): number {
  const square = value * value
  return square * square
}

/** Weighs the errors and puts their sum on the scale on which 90, 70, 50 and 30 mean what viewers meant by them. */
function scoreOf(errors: ChannelErrors[][]): number {
  // Read in one go, as the reference does, also where scales are missing.
  const weighted = errors.flat(2).reduce((sum, error, i) => sum + weights[i]! * error, 0)
  const x = weighted * 0.9562382616834844
  const fitted = 2.326765642916932 * x - 0.020884521182843837 * x ** 2 + 6.248496625763138e-5 * x ** 3
  return fitted > 0 ? 100 - 10 * fitted ** 0.6276336467831387 : 100
}
