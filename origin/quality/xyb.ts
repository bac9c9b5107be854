import type { Picture } from './picture.ts'

/*
 * From sRGB to XYB, the colour space of JPEG XL, after libjxl (enc_xyb.cc, opsin_params.h, transfer_functions-inl.h,
 * fast_math-inl.h; Copyright (c) the JPEG XL Project Authors, BSD 3-clause). Every step is rounded to 32 bits where it
 * is there: in flat parts of a picture the metric sees the rounding, and any other moves scores above 90 by up to 0.5.
 */

const { fround } = Math

/** Three planes of one picture: linear R, G, B, or X, Y, B. */
export type Planes = readonly [Float32Array, Float32Array, Float32Array]

/** Intensity of light, 0 to 1, for each of the 256 values of an sRGB channel. */
const linearOfSrgb = Float32Array.from({ length: 256 }, (_, value) =>
  linearOf(fround(value * fround(1 / 255))),
)

/** The curve of IEC 61966-2-1, by libjxl's rational polynomial; 5e-7 off at most. */
function linearOf(encoded: number): number {
  if (encoded <= fround(0.04045)) return encoded * fround(1 / fround(12.92))
  const numerator = polynomial(
    encoded,
    [8.210152774e-1, 7.961564959e-1, 1.624820318e-1, 1.043637593e-2, 2.200248328e-4],
  )
  const denominator = polynomial(
    encoded,
    [6.521209011e-3, -5.512498495e-2, 4.98752835e-1, 1.076976492, 2.63184697e-1],
  )
  return numerator / denominator
}

/** By Horner's scheme, the coefficient of the highest power first. */
function polynomial(x: number, coefficients: readonly number[]): number {
  return coefficients.map(fround).reduce((sum, coefficient) => fround(sum * x + coefficient))
}

/** Splits a picture into planes of linear light. */
export function toLinear({ pixels }: Picture, planes: Planes): void {
  const [red, green, blue] = planes
  for (let i = 0, at = 0; at < pixels.length; i++, at += 3) {
    red[i] = linearOfSrgb[pixels[at]!]!
    green[i] = linearOfSrgb[pixels[at + 1]!]!
    blue[i] = linearOfSrgb[pixels[at + 2]!]!
  }
}

/** What the three cones of the eye, long, medium and short, absorb of linear R, G and B; each row adds up to 1. */
const [rl, gl, bl] = [0.3, 0.622, 0.078].map(fround) as [number, number, number]
const [rm, gm, bm] = [0.23, 0.692, 0.078].map(fround) as [number, number, number]
const [rs, gs, bs] = [0.24342268924547819, 0.20476744424496821, 0.55180987].map(fround) as [
  number,
  number,
  number,
]
const bias = fround(0.0037930732552754493)
const biasRoot = fround(Math.cbrt(bias))

/** Moves and scales that bring X, Y and B - Y of sRGB into 0..1. */
const [xScale, xMove, yMove, bMove] = [14, fround(0.42), fround(0.01), fround(0.55)]

/**
 * Turns planes of linear light into X, Y and B - Y in place.
 *
 * @param count pixels to convert
 */
export function linearToXyb(planes: Planes, count: number): void {
  const [first, second, third] = planes
  for (let i = 0; i < count; i++) {
    const red = first[i]!
    const green = second[i]!
    const blue = third[i]!
    const long = response(fround(rl * red + fround(gl * green + fround(bl * blue + bias))))
    const medium = response(fround(rm * red + fround(gm * green + fround(bm * blue + bias))))
    const short = response(fround(rs * red + fround(gs * green + fround(bs * blue + bias))))
    const x = 0.5 * fround(long - medium)
    const y = 0.5 * fround(long + medium)
    first[i] = fround(x * xScale) + xMove
    second[i] = y + yMove
    third[i] = fround(short - y) + bMove
  }
}

const asFloat = new Float32Array(1)
const asInteger = new Int32Array(asFloat.buffer)
const third = fround(1 / 3)
const fourThirds = fround(4 / 3)

/** What a cone answers: the cube root of what it absorbs, less that of the bias. */
function response(absorbed: number): number {
  asFloat[0] = absorbed
  // A number's exponent by -1/3 is a first guess at 1 / cube root; Newton's iteration makes it exact.
  asInteger[0] = 0x54800000 - Math.imul(asInteger[0]! >> 23, 0x2aaaaa)
  const share = fround(third * absorbed)
  let inverse = asFloat[0]!
  for (let iteration = 0; iteration < 3; iteration++) {
    const square = fround(inverse * inverse)
    inverse = fround(fround(fourThirds * inverse) - share * fround(square * square))
  }
  const square = fround(inverse * inverse)
  inverse = fround(third * fround(inverse - absorbed * fround(square * square)) + inverse)
  return fround(fround(inverse * inverse) * absorbed - biasRoot)
}
