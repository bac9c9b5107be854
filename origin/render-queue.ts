import pLimit from 'p-limit'
import { Problem } from '../core/problem.ts'
import type { Limits } from './limits.ts'

/** Seconds after which a viewer who met a full queue may ask again: the CDN keeps an error for so long. */
const retryAfterSeconds = 10

const overloadCode = 'OVERLOADED'

/** Whether a render was refused because the queue was full. */
export function isOverload(error: unknown): boolean {
  return error instanceof Problem && error.code === overloadCode
}

export type RenderQueue = <Result>(work: () => Promise<Result>) => Promise<Result>

/**
 * A queue in front of the renders, bounded on both sides: a flood of cold requests must cost neither more
 * memory than `rendersMax` decoded images nor a wait that no viewer sits out.
 *
 * The returned function rejects with Problem OVERLOADED 503 at once when the queue is full.
 */
export function createRenderQueue({ rendersMax, queuedRendersMax }: Limits): RenderQueue {
  const limit = pLimit(rendersMax)
  return async (work) => {
    if (limit.pendingCount >= queuedRendersMax) {
      throw new Problem(overloadCode, 503, 'Too many images are being rendered: try again shortly', {
        headers: { 'retry-after': String(retryAfterSeconds) },
      })
    }
    return limit(work)
  }
}
