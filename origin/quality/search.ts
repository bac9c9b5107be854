export interface QualitySearch {
  /** Encodes at a quality and gives the score of the result. */
  probe: (quality: number) => Promise<number>
  /** The quality to begin with: what most pictures need. */
  start: number
  /** The score to reach. */
  target: number
  /** The qualities to choose from. */
  min: number
  max: number
}

const probesMax = 3
/** Scores so near to the target are on it. */
const tolerance = 0.5

/** Points of score that one step of quality brings around the middle of the scale, before it was measured. */
const usualSlope = 0.75
/** A step that seems to bring less or more than this was measured across a ripple of the encoder. */
const slopeMin = 0.25
const slopeMax = 3

/**
 * The quality at which a picture gets a score: a secant search, of at most three probes and one step on from them.
 * Scores rise with quality, nearly in a line over the few steps between pictures.
 */
export async function searchQuality({ probe, start, target, min, max }: QualitySearch): Promise<number> {
  let slope = usualSlope
  let quality = start
  let score = await probe(quality)
  for (let probes = 1; ; probes++) {
    if (Math.abs(target - score) <= tolerance) return quality
    const next = Math.round(Math.min(max, Math.max(min, quality + (target - score) / slope)))
    if (next === quality || probes === probesMax) return next
    const nextScore = await probe(next)
    slope = Math.min(slopeMax, Math.max(slopeMin, (nextScore - score) / (next - quality)))
    quality = next
    score = nextScore
  }
}
