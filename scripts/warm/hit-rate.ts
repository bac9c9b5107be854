import type { WarmResult } from './warm-up.ts'

/** What a warm-up did for the hit rate. */
export interface HitRateGain {
  /** Misses that viewers are spared, of `of`. */
  missesSpared: number
  /** With a log its image requests, else the variants that were asked for. */
  of: number
}

/**
 * The misses that viewers would have met on what was cold and is warm now.
 *
 * With a log: were its traffic to come again, a variant with n requests in it would be asked for at all with the probability
 * 1 - e^-n (requests that come independently of each other are Poisson-distributed), and its first request would be a miss.
 * Without one: each variant counts as one.
 *
 * @param loggedRequests all image requests of the log, null without one
 */
export function hitRateGain(results: readonly WarmResult[], loggedRequests: number | null): HitRateGain {
  const filled = results.filter(({ outcome }) => outcome === 'from bucket' || outcome === 'rendered')
  if (loggedRequests === null) return { missesSpared: filled.length, of: results.length }
  return {
    missesSpared: filled.reduce((sum, { request }) => sum + 1 - Math.exp(-request.weight), 0),
    of: loggedRequests,
  }
}

/** The share of a log's image requests that ask for what is warm now. */
export function coverage(results: readonly WarmResult[], loggedRequests: number): number {
  const warm = results.filter(({ outcome }) => outcome !== 'failed')
  return warm.reduce((sum, { request }) => sum + request.weight, 0) / loggedRequests
}
