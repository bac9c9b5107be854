/** What an encoder makes of one picture at one quality. */
export interface Point {
  quality: number
  score: number
  bytes: number
  cpuMs: number
}

/**
 * The point at which a curve reaches a score, between two that were measured: quality and CPU in proportion, bytes in
 * proportion of their logarithms. Null where the score lies outside of what was measured.
 *
 * @param curve in the order of quality
 */
export function pointAt(curve: readonly Point[], score: number): Point | null {
  for (let i = 1; i < curve.length; i++) {
    const [lower, upper] = [curve[i - 1]!, curve[i]!]
    if (lower.score > score || upper.score < score) continue
    const share = upper.score === lower.score ? 0 : (score - lower.score) / (upper.score - lower.score)
    const between = (from: number, to: number): number => from + share * (to - from)
    return {
      quality: between(lower.quality, upper.quality),
      score,
      bytes: Math.exp(between(Math.log(lower.bytes), Math.log(upper.bytes))),
      cpuMs: between(lower.cpuMs, upper.cpuMs),
    }
  }
  return null
}
