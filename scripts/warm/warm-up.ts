import pLimit from 'p-limit'
import type { Pacer } from './pacer.ts'
import type { WarmRequest } from './plan.ts'
import { judge, type Verdict } from './verdict.ts'

/** What became of a request that was answered. */
export type Answered = 'already warm' | 'from bucket' | 'rendered'

/** How the CDN answered one request in the end. */
export type WarmResult = {
  request: WarmRequest
  /** From the request that was answered (the last one) to the end of its body. */
  milliseconds: number
} & ({ outcome: Answered; bytes: number } | { outcome: 'failed'; reason: string })

export interface WarmOptions {
  /** Requests under way at once. */
  concurrency: number
  pacer: Pacer
  /** The most requests that are sent, repetitions included. */
  budget: number
  /** Ends it early: what is under way is given up, and has no result. */
  signal: AbortSignal
  /** Called before each request, a repetition too. */
  onAsk?: (request: WarmRequest) => void
  onResult: (result: WarmResult) => void
}

/** How often a request is repeated that was answered with 429, 503 or a picture that stands in. */
export const retriesMax = 3
/** Whoever shall wait longer than this counts as failed. */
export const waitMillisecondsMax = 120_000

/**
 * Sends every request to the CDN, in this order and as long as the budget lasts, and reads each answer to its end. When an
 * answer asks for a pause, all requests pause.
 */
export async function warmUp(requests: readonly WarmRequest[], options: WarmOptions): Promise<void> {
  const { concurrency, signal, onResult } = options
  const limit = pLimit(concurrency)
  const send = createSend(options)
  await limit.map(requests, async (request) => {
    const result = await ask(request, send, options)
    if (result !== null && !signal.aborted) onResult(result)
  })
}

/** Asks until there is an answer or no retry left; null when it was interrupted, or the budget left no first request. */
async function ask(request: WarmRequest, send: Send, { pacer }: WarmOptions): Promise<WarmResult | null> {
  let refused: WarmResult | null = null
  for (let retries = 0; ; retries++) {
    const answer = await send(request)
    if (answer === null) return refused
    const { verdict, milliseconds, bytes } = answer
    if (verdict.kind !== 'busy') {
      if (verdict.kind !== 'failed') return { request, milliseconds, outcome: verdict.kind, bytes }
      return { request, milliseconds, outcome: 'failed', reason: verdict.reason }
    }
    const { waitMilliseconds } = verdict
    refused = { request, milliseconds, outcome: 'failed', reason: reasonOf(verdict, retries) }
    if (retries === retriesMax || waitMilliseconds > waitMillisecondsMax) return refused
    pacer.pause(waitMilliseconds)
  }
}

interface Answer {
  verdict: Verdict
  milliseconds: number
  bytes: number
}

/** Sends one request when its turn comes; null if there is no turn any more. */
type Send = (request: WarmRequest) => Promise<Answer | null>

function createSend({ pacer, budget, signal, onAsk }: WarmOptions): Send {
  let left = budget
  return async (request) => {
    if (left <= 0 || signal.aborted) return null
    left--
    await pacer.turn(signal)
    if (signal.aborted) return null
    onAsk?.(request)
    const startedAt = performance.now()
    const { verdict, bytes } = await exchange(request, signal).catch((error: unknown) => ({
      verdict: { kind: 'failed', reason: messageOf(error) } as const,
      bytes: 0,
    }))
    return { verdict, bytes, milliseconds: performance.now() - startedAt }
  }
}

async function exchange(
  { url, format }: WarmRequest,
  signal: AbortSignal,
): Promise<{ verdict: Verdict; bytes: number }> {
  const response = await fetch(url, { signal, redirect: 'manual' })
  const bytes = (await response.arrayBuffer()).byteLength
  return { verdict: judge(response, format, Date.now()), bytes }
}

function reasonOf({ reason, waitMilliseconds }: Verdict & { kind: 'busy' }, retries: number): string {
  if (waitMilliseconds > waitMillisecondsMax) {
    return `${reason}, to be asked again in ${Math.ceil(waitMilliseconds / 1000)} s: too long to wait`
  }
  return retries === 0 ? reason : `${reason}, ${retries + 1} times`
}

/** `fetch failed` alone tells nothing: its cause does. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? error.cause.message : error.message
}
