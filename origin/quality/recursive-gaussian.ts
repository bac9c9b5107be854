/*
 * A Gaussian blur whose cost does not depend on its width: three recursive filters of second order, whose sum is the
 * kernel. After D. Charalampidis, "Recursive Implementation of the Gaussian Filter Using Truncated Cosine Functions",
 * IEEE Transactions on Signal Processing 64 (14), 2016; the numbers in brackets are its equations. Pixels outside of the
 * picture count as 0.
 *
 * The filters lie on the edge of stability, so that rounding errors add up along a line, and in smooth pictures they are
 * what the metric sees next to nothing else. Therefore every step is rounded to 32 bits where libjxl's gauss_blur.cc
 * (Copyright (c) the JPEG XL Project Authors, BSD 3-clause) rounds it on a processor with fused multiply-add: a product
 * and sum is rounded once. Computed in 64 bits throughout, scores above 90 would be off by up to 3 points.
 */

const { fround } = Math

/** One of the three filters: y[n] = gain (x[n - radius - 1] + x[n + radius - 1]) - feedback y[n - 1] - y[n - 2] (35). */
interface Filter {
  gain: number
  feedback: number
}

export interface RecursiveGaussian {
  radius: number
  filters: Readonly<Three<Filter>>
}

/** The filters for a standard deviation in pixels. */
export function recursiveGaussian(sigma: number): RecursiveGaussian {
  const radius = Math.round(3.2795 * sigma + 0.2546) // (57)
  const omegas = triple((k) => (k * Math.PI) / (2 * radius)) // table I
  const p = triple((_, i) => sign(i) / Math.tan(omegas[i]! / 2)) // (37)
  const r = triple((_, i) => (sign(i) * p[i]! ** 2) / Math.sin(omegas[i]!)) // (44)
  const rho = triple((_, i) => Math.exp(-0.5 * (sigma * omegas[i]!) ** 2) / radius) // (50)

  const d13 = p[0] * r[1] - r[0] * p[1] // (52)
  const zeta1 = (p[1] * r[2] - r[1] * p[2]) / d13
  const zeta3 = (p[2] * r[0] - r[2] * p[0]) / d13
  const gamma: Triple = [1, radius ** 2 - sigma ** 2, zeta1 * rho[0] + zeta3 * rho[1] + rho[2]] // (55)
  const beta = solve([p, r, [zeta1, zeta3, 1]], gamma) // (53), (56)

  const filters = omegas.map((omega, i) => ({
    gain: -beta[i]! * Math.cos(omega * (radius + 1)), // (33)
    feedback: -2 * Math.cos(omega),
  }))
  return { radius, filters: filters as Three<Filter> }
}

/** Blurs the input into the output, which may be the same array; both may be longer than the plane. */
export type Blur = (input: Float32Array, output: Float32Array) => void

/** Blurs planes of one size. The function keeps its working memory. */
export function createBlur(gaussian: RecursiveGaussian, width: number, height: number): Blur {
  const scratch = new Float32Array(width * height)
  const blurRow = createRowBlur(gaussian, width)
  const blurColumns = createColumnBlur(gaussian, width, height)
  return (input, output) => {
    for (let start = 0; start < width * height; start += width) blurRow(input, scratch, start)
    blurColumns(scratch, output)
  }
}

/** Blurs the row that begins at `start`. */
function createRowBlur({ radius, filters }: RecursiveGaussian, width: number) {
  // The first inputs reach the picture before the first output does.
  const lead = radius - 1
  const sums = new Float32Array(lead + width)
  const [first, second, third] = filters.map((filter) => createRowFilter(filter, lead, width)) as Three<
    ReturnType<typeof createRowFilter>
  >

  return (input: Float32Array, output: Float32Array, start: number): void => {
    for (let right = 0; right < sums.length; right++) {
      const left = right - 2 * radius
      sums[right] = (left >= 0 ? input[start + left]! : 0) + (right < width ? input[start + right]! : 0)
    }
    const answer1 = first(sums)
    const answer3 = second(sums)
    const answer5 = third(sums)
    for (let i = lead, at = start; i < sums.length; i++, at++) {
      output[at] = answer1[i]! + fround(answer3[i]! + answer5[i]!)
    }
  }
}

/**
 * One filter along a row. Where the input is complete, four outputs at a time follow from four inputs and the two
 * outputs before them, which rounds less than one by one.
 */
function createRowFilter({ gain, feedback: d }: Filter, lead: number, width: number) {
  const [in0, in1, in2, in3] = rounded(gain, -d * gain, (d ** 2 - 1) * gain, (2 * d - d ** 3) * gain)
  const [last0, last1, last2, last3] = rounded(-d, d ** 2 - 1, 2 * d - d ** 3, d ** 4 - 3 * d ** 2 + 1)
  const [before1, before2, before3] = rounded(d, 1 - d ** 2, d ** 3 - 2 * d)
  const foursBegin = lead + 8
  const foursEnd = width - 3
  const answer = new Float32Array(lead + width)

  return (sums: Float32Array): Float32Array => {
    let last = 0
    let before = 0
    for (let i = 0; i < sums.length;) {
      if (i < foursBegin || i >= foursEnd) {
        const next = fround(last0 * last + fround(fround(in0 * sums[i]!) - before))
        before = last
        last = next
        answer[i++] = next
        continue
      }
      const a = sums[i]!
      const b = sums[i + 1]!
      const c = sums[i + 2]!
      const e = sums[i + 3]!
      const from1 = fround(in0 * b + fround(in1 * a))
      const from2 = fround(in0 * c + fround(in1 * b + fround(in2 * a)))
      const from3 = fround(in0 * e + fround(in1 * c + fround(in2 * b + fround(in3 * a))))
      answer[i] = last0 * last + fround(fround(in0 * a) - before)
      answer[i + 1] = last1 * last + fround(before1 * before + from1)
      const third = fround(last2 * last + fround(before2 * before + from2))
      last = fround(last3 * last + fround(before3 * before + from3))
      before = third
      answer[i + 2] = before
      answer[i + 3] = last
      i += 4
    }
    return answer
  }
}

/** Blurs all columns, row by row, because neighbours in a row are neighbours in memory. */
function createColumnBlur({ radius, filters }: RecursiveGaussian, width: number, height: number) {
  const [gain1, gain3, gain5] = filters.map(({ gain }) => fround(gain)) as Three<number>
  const [d1, d3, d5] = filters.map(({ feedback }) => fround(feedback)) as Three<number>
  const outside = new Float32Array(width)
  const unused = new Float32Array(width)

  return (input: Float32Array, output: Float32Array): void => {
    // Of each filter the outputs of the row before, and of the row before that.
    let [last1, last3, last5, next1, next3, next5] = Array.from(
      { length: 6 },
      () => new Float32Array(width),
    ) as [...Three<Float32Array>, ...Three<Float32Array>]
    for (let y = 1 - radius; y < height; y++) {
      const above = rowAt(input, y - radius - 1, width, height) ?? outside
      const below = rowAt(input, y + radius - 1, width, height) ?? outside
      const target = rowAt(output, y, width, height) ?? unused
      for (let x = 0; x < width; x++) {
        const sum = fround(above[x]! + below[x]!)
        const y1 = fround(gain1 * sum + fround(-(d1 * last1[x]!) - next1[x]!))
        const y3 = fround(gain3 * sum + fround(-(d3 * last3[x]!) - next3[x]!))
        const y5 = fround(gain5 * sum + fround(-(d5 * last5[x]!) - next5[x]!))
        target[x] = y1 + fround(y3 + y5)
        next1[x] = y1
        next3[x] = y3
        next5[x] = y5
      }
      ;[last1, next1, last3, next3, last5, next5] = [next1, last1, next3, last3, next5, last5]
    }
  }
}

function rowAt(plane: Float32Array, y: number, width: number, height: number): Float32Array | null {
  return y >= 0 && y < height ? plane.subarray(y * width, (y + 1) * width) : null
}

type Three<Value> = [Value, Value, Value]
type Triple = Three<number>

/** One number for each of the filters k = 1, 3, 5. */
function triple(of: (k: number, index: number) => number): Triple {
  return [of(1, 0), of(3, 1), of(5, 2)]
}

function sign(index: number): number {
  return index === 1 ? -1 : 1
}

function rounded<Numbers extends number[]>(...values: Numbers): Numbers {
  return values.map(fround) as Numbers
}

/** Solves three linear equations by Cramer's rule. */
function solve(matrix: readonly Triple[], right: Triple): Triple {
  const determinantWith = (column: number | null): number => {
    const [a, b, c] = matrix.map((row, i) => row.map((value, j) => (j === column ? right[i]! : value)))
    return (
      a![0]! * (b![1]! * c![2]! - b![2]! * c![1]!) -
      a![1]! * (b![0]! * c![2]! - b![2]! * c![0]!) +
      a![2]! * (b![0]! * c![1]! - b![1]! * c![0]!)
    )
  }
  const determinant = determinantWith(null)
  return triple((_, i) => determinantWith(i) / determinant)
}
