import type { Sharp as Pipeline } from 'sharp'
import type { Picture } from '../../origin/quality/picture.ts'
import type { Sharp } from '../../runtime/sharp.ts'
import { cpuTime } from '../cpu-time.ts'
import type { BenchPhotograph } from '../photographs.ts'
import { pictureOf, scorerFor } from '../scoring.ts'
import type { Contender } from './contenders.ts'
import type { Point } from './curve.ts'

/** A photograph at a width, as encoders get it, and what they are measured against. */
export interface Subject {
  photograph: BenchPhotograph
  /** Starts at decoded pixels, so that only the encoder is measured. */
  pixels: () => Pipeline
  score: (distorted: Picture) => number
}

/** A photograph scaled to a width; null for one that would have to be enlarged. */
export async function subjectOf(
  sharp: Sharp,
  photograph: BenchPhotograph,
  width: number,
): Promise<Subject | null> {
  if (photograph.width < width) return null
  const height = Math.round((width * photograph.height) / photograph.width)
  const scaled = await pictureOf(sharp(photograph.bytes).autoOrient().resize({ width, height, fit: 'fill' }))
  const raw = { width, height, channels: 3 } as const
  return { photograph, pixels: () => sharp(scaled.pixels, { raw }), score: scorerFor(scaled) }
}

/** What encoding a subject costs, and gives. */
export async function measure(
  sharp: Sharp,
  { pixels, score }: Subject,
  encode: (pipeline: Pipeline) => Pipeline,
  runs: number,
): Promise<Omit<Point, 'quality'>> {
  const { cpuMs, result } = await cpuTime(() => encode(pixels()).toBuffer(), runs)
  return { cpuMs, bytes: result.length, score: score(await pictureOf(sharp(result))) }
}

/** A contender at all of its qualities. */
export async function curveOf(
  sharp: Sharp,
  subject: Subject,
  { encode, qualities }: Contender,
  runs: number,
): Promise<Point[]> {
  const curve: Point[] = []
  for (const quality of qualities) {
    const point = await measure(sharp, subject, (pipeline) => encode(pipeline, quality), runs)
    curve.push({ quality, ...point })
  }
  return curve
}
