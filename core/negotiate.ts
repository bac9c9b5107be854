import type { Format } from './ladder.ts'

/** Formats that an Accept header may choose; PNG is only ever asked for by name. */
const negotiable: readonly Format[] = ['avif', 'webp', 'jpeg']

/** An Accept header longer than this is not read to its end: no browser sends one. */
const acceptLengthMax = 1000

/**
 * The format to deliver for an Accept header (RFC 9110, 12.5.1), `jpeg` if nothing better is acceptable.
 *
 * AVIF and WebP must be named: browsers that decode neither send a wildcard too, so a wildcard speaks for JPEG
 * alone. Among the acceptable the highest weight wins, then the smaller file. `q=0` refuses; a media range with
 * a weight that is not a number is ignored.
 */
export function negotiate(accept: string): Format {
  const weights = weightsOf(accept)
  let best: Format = 'jpeg'
  let bestWeight = 0
  for (let i = 0; i < negotiable.length; i++) {
    const format = negotiable[i]!
    const weight = weightOf(weights, format)
    if (weight > bestWeight) {
      best = format
      bestWeight = weight
    }
  }
  return best
}

interface Weights {
  [range: string]: number
}

function weightOf(weights: Weights, format: Format): number {
  const named = weights['image/' + format]
  if (named !== undefined || format !== 'jpeg') return named ?? 0
  return weights['image/jpg'] ?? weights['image/*'] ?? weights['*/*'] ?? 0
}

function weightsOf(accept: string): Weights {
  const weights: Weights = {}
  const ranges = accept.slice(0, acceptLengthMax).toLowerCase().split(',')
  for (let i = 0; i < ranges.length; i++) {
    const parts = ranges[i]!.split(';')
    const range = parts[0]!.trim()
    const weight = weightIn(parts)
    if (range !== '' && !isNaN(weight)) weights[range] = weight
  }
  return weights
}

/** The `q` among the parameters of one media range, 1 if there is none, NaN if it is malformed. */
function weightIn(parts: string[]): number {
  for (let i = 1; i < parts.length; i++) {
    const parameter = parts[i]!.trim()
    if (parameter.indexOf('q=') !== 0) continue
    const value = parameter.slice(2)
    return /^(0(\.\d*)?|1(\.0*)?)$/.test(value) ? Number(value) : NaN
  }
  return 1
}
