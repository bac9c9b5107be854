import type { Sharp as Pipeline } from 'sharp'
import type { Band } from '../../core/ladder.ts'
import { encode, type Encoding, type LossyFormat, usualQuality } from '../../origin/encoders.ts'
import { searchQuality } from '../../origin/quality/search.ts'
import type { Sharp } from '../../runtime/sharp.ts'
import type { BenchPhotograph } from '../photographs.ts'
import { measure, type Subject, subjectOf } from './measure.ts'

/** The width at which qualities are looked for, as the origin does it. */
const searchWidth = 640

export interface Tuned {
  photograph: BenchPhotograph
  quality: number
}

/** The quality of each photograph at which it has the target's score, found as the origin finds it. */
export async function findQualities(
  sharp: Sharp,
  photographs: readonly BenchPhotograph[],
  format: LossyFormat,
  target: number,
): Promise<Tuned[]> {
  const found: Tuned[] = []
  for (const photograph of photographs) {
    const subject = await subjectOf(sharp, photograph, searchWidth)
    if (subject === null) continue
    const start = usualQuality(format)
    const quality = await searchQuality({
      start,
      target,
      min: start - 20,
      max: Math.min(95, start + 14),
      probe: async (probed) => (await encoded(sharp, subject, format, 2, 'thorough', probed)).score,
    })
    found.push({ photograph, quality })
  }
  return found
}

export interface Comparison {
  photographs: number
  /** SSIMULACRA2 with the quality of each photograph's own. */
  tuned: Spread
  /** With one quality for all. */
  usual: Spread
  /**
   * Bytes with each photograph's own quality, over those of the one quality for all that has the same 10th percentile of
   * scores: geometric mean.
   */
  bytesAtSameWorst: number | null
  /** The one quality for all that it takes. */
  qualityAtSameWorst: number | null
}

interface Spread {
  p10: number
  median: number
  p90: number
}

/** What qualities found at one width bring at another, in a band and at an effort. */
export async function compareAt(
  sharp: Sharp,
  tuned: readonly Tuned[],
  format: LossyFormat,
  width: number,
  band: Band,
  effort: Encoding['effort'],
): Promise<Comparison | null> {
  const ours: Encoded[] = []
  const usual: Encoded[] = []
  const shifts = [-8, -4, 4, 8, 12]
  const others: Encoded[][] = shifts.map(() => [])
  const start = usualQuality(format)
  for (const { photograph, quality } of tuned) {
    const subject = await subjectOf(sharp, photograph, width)
    if (subject === null) continue
    ours.push(await encoded(sharp, subject, format, band, effort, quality))
    usual.push(await encoded(sharp, subject, format, band, effort, start))
    for (const [at, shift] of shifts.entries()) {
      others[at]!.push(await encoded(sharp, subject, format, band, effort, start + shift))
    }
  }
  if (ours.length === 0) return null
  const spread = spreadOf(ours)
  const fixed = [
    { shift: 0, results: usual },
    ...shifts.map((shift, at) => ({ shift, results: others[at]! })),
  ]
    .toSorted((a, b) => a.shift - b.shift)
    .map(({ shift, results }) => ({
      quality: start + shift,
      p10: spreadOf(results).p10,
      logRatio: mean(ours.map(({ bytes }, i) => Math.log(bytes / results[i]!.bytes))),
    }))
  const above = fixed.findIndex(({ p10 }) => p10 >= spread.p10)
  const [lower, upper] = [fixed[above - 1], fixed[above]]
  const share =
    lower === undefined || upper === undefined ? null : (spread.p10 - lower.p10) / (upper.p10 - lower.p10)
  const between = (from: number, to: number): number => from + share! * (to - from)
  return {
    photographs: ours.length,
    tuned: spread,
    usual: spreadOf(usual),
    bytesAtSameWorst: share === null ? null : Math.exp(between(lower!.logRatio, upper!.logRatio)),
    qualityAtSameWorst: share === null ? null : between(lower!.quality, upper!.quality),
  }
}

type Encoded = Awaited<ReturnType<typeof measure>>

function encoded(
  sharp: Sharp,
  subject: Subject,
  format: LossyFormat,
  band: Band,
  effort: Encoding['effort'],
  quality: number,
): Promise<Encoded> {
  const size = { kind: 'rung', width: 0, ratio: '', fit: 'inside' } as const
  const settings: Encoding = { effort, tuned: { [format]: quality } }
  return measure(
    sharp,
    subject,
    (pipeline: Pipeline) => encode(pipeline, { format, band, size }, settings),
    1,
  )
}

function spreadOf(results: readonly Encoded[]): Spread {
  const scores = results.map(({ score }) => score).toSorted((a, b) => a - b)
  const at = (share: number): number => {
    const position = share * (scores.length - 1)
    const [below, above] = [scores[Math.floor(position)]!, scores[Math.ceil(position)]!]
    return below + (position - Math.floor(position)) * (above - below)
  }
  return { p10: at(0.1), median: at(0.5), p90: at(0.9) }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
