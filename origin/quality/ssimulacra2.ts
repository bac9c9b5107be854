import type { Picture } from './picture.ts'
import { type Blur, createBlur, recursiveGaussian } from './recursive-gaussian.ts'
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
const scalesMax = 6
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
 * @throws RangeError if the pictures differ in size, are less than 8 px wide or high, or don't hold three bytes a pixel
 */
export function ssimulacra2(original: Picture, distorted: Picture): number {
  return createScorer(original)(distorted)
}

/**
 * Scores any number of pictures beside one original, as `ssimulacra2` does, each for little more than half of its cost.
 * Holds about 65 bytes of memory a pixel, and takes 20 more while it works.
 *
 * @throws RangeError as `ssimulacra2` does, also from the function that it returns
 */
export function createScorer(original: Picture): (distorted: Picture) => number {
  checkPicture(original)
  const scales = pyramidOf(original).map((scale) => {
    const blur = createBlur(gaussian, scale.width, scale.height)
    return {
      blur,
      channels: scale.planes.map((plane) => momentsOf(plane, blur, allocateMoments(plane.length))),
    }
  })
  const buffers = allocateMoments(original.width * original.height)
  const product = new Float32Array(original.width * original.height)

  return (distorted) => {
    checkPicture(distorted)
    checkSameSize(original, distorted)
    const errors: ChannelErrors[][] = [[], [], []]
    for (const [at, { planes }] of pyramidOf(distorted).entries()) {
      const { blur, channels } = scales[at]!
      for (const [channel, expected] of channels.entries()) {
        const found = momentsOf(planes[channel]!, blur, buffers)
        errors[channel]!.push(channelErrors(expected, found, blur, product))
      }
    }
    return scoreOf(errors)
  }
}

function checkPicture({ width, height, pixels }: Picture): void {
  if (Math.min(width, height) < sideMin) {
    throw new RangeError(
      `A picture of ${width} x ${height} pixels is too small: ${sideMin} x ${sideMin} at least`,
    )
  }
  if (pixels.length !== width * height * 3) {
    throw new RangeError(`${pixels.length} bytes are no RGB picture of ${width} x ${height} pixels`)
  }
}

function checkSameSize(original: Picture, distorted: Picture): void {
  if (original.width === distorted.width && original.height === distorted.height) return
  const sizes = [original, distorted].map(({ width, height }) => `${width} x ${height}`)
  throw new RangeError(`Pictures of ${sizes.join(' and ')} pixels can’t be compared`)
}

/** A picture in XYB, at full size or a fraction of it. */
interface Scale {
  width: number
  height: number
  planes: Planes
}

/** All scales of a picture, from the full size down. */
function pyramidOf(picture: Picture): Scale[] {
  let { width, height } = picture
  let planes = planesOf(width * height)
  toLinear(picture, planes)
  const pyramid: Scale[] = []
  while (pyramid.length < scalesMax) {
    // Scaling down is done in linear light, before XYB takes its place.
    const halved = halve(planes, width, height)
    linearToXyb(planes, width * height)
    pyramid.push({ width, height, planes })
    if (Math.min(width, height) < sideMin) break
    planes = halved
    width = half(width)
    height = half(height)
  }
  return pyramid
}

function planesOf(count: number): Planes {
  return [new Float32Array(count), new Float32Array(count), new Float32Array(count)]
}

/** A plane, its mean around each pixel, and the mean of its square. */
interface Moments {
  plane: Float32Array
  mean: Float32Array
  square: Float32Array
}

function allocateMoments(count: number): Omit<Moments, 'plane'> {
  return { mean: new Float32Array(count), square: new Float32Array(count) }
}

function momentsOf(plane: Float32Array, blur: Blur, { mean, square }: Omit<Moments, 'plane'>): Moments {
  for (let i = 0; i < plane.length; i++) square[i] = plane[i]! * plane[i]!
  blur(plane, mean)
  blur(square, square)
  return { plane, mean, square }
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

/** What is wrong with one channel at one scale, in the order of the weights. */
type ChannelErrors = [number, number, number, number, number, number]

function channelErrors(
  original: Moments,
  distorted: Moments,
  blur: Blur,
  product: Float32Array,
): ChannelErrors {
  const { plane: plane1, mean: mean1, square: square1 } = original
  const { plane: plane2, mean: mean2, square: square2 } = distorted
  const count = plane1.length
  for (let i = 0; i < count; i++) product[i] = plane1[i]! * plane2[i]!
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
    const edge = (1 + Math.abs(plane2[i]! - b)) / (1 + Math.abs(plane1[i]! - a)) - 1
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
