import { type RateLimiterAbstract, RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import type { Logger } from 'pino'
import { problem } from './problems.ts'

/** Limiters of `rate-limiter-flexible`; one instance keeps the counts of all users for one window. */
export interface RateLimits {
  uploadsPerMinute: RateLimiterAbstract
  uploadsPerHour: RateLimiterAbstract
  changesPerMinute: RateLimiterAbstract
}

/** Limits that a single process counts in its memory. */
export function memoryRateLimits(
  counts = { uploadsPerMinute: 10, uploadsPerHour: 100, changesPerMinute: 50 },
): RateLimits {
  const perMinute = (keyPrefix: string, points: number) =>
    new RateLimiterMemory({ keyPrefix, points, duration: 60 })
  return {
    uploadsPerMinute: perMinute('uploads', counts.uploadsPerMinute),
    uploadsPerHour: new RateLimiterMemory({
      keyPrefix: 'uploads-hour',
      points: counts.uploadsPerHour,
      duration: 3600,
    }),
    changesPerMinute: perMinute('changes', counts.changesPerMinute),
  }
}

export interface NamedLimit {
  name: string
  limiter: RateLimiterAbstract
}

/**
 * Counts one request of a user against each of the limits.
 *
 * @param headers of the answer, refused or not: `RateLimit` and `RateLimit-Policy` are set on it
 * @throws {Problem} RATE_LIMITED, with Retry-After
 */
export async function countRequest(
  limits: readonly NamedLimit[],
  userId: string,
  headers: Headers,
  log: Logger,
): Promise<void> {
  headers.set('ratelimit-policy', limits.map(({ name, limiter }) => policyOf(name, limiter)).join(', '))
  for (const { name, limiter } of limits) {
    const { state, refused } = await consume(limiter, userId, log)
    if (state !== null)
      headers.append('ratelimit', `"${name}";r=${state.remainingPoints};t=${secondsLeft(state)}`)
    if (refused) {
      throw problem(
        'RATE_LIMITED',
        `${limiter.points} requests in ${limiter.duration} seconds are the limit.`,
        {
          headers: { 'retry-after': String(state === null ? limiter.duration : secondsLeft(state)) },
        },
      )
    }
  }
}

/** A limiter refuses by throwing its state. One that is broken limits nobody: uploads matter more than counting. */
async function consume(
  limiter: RateLimiterAbstract,
  userId: string,
  log: Logger,
): Promise<{ state: RateLimiterRes | null; refused: boolean }> {
  try {
    return { state: await limiter.consume(userId), refused: false }
  } catch (thrown) {
    if (thrown instanceof RateLimiterRes) return { state: thrown, refused: true }
    log.warn({ err: thrown }, 'rate limiter failed')
    return { state: null, refused: false }
  }
}

function policyOf(name: string, limiter: RateLimiterAbstract): string {
  return `"${name}";q=${limiter.points};w=${limiter.duration}`
}

function secondsLeft(state: RateLimiterRes): number {
  return Math.max(1, Math.ceil(state.msBeforeNext / 1000))
}
