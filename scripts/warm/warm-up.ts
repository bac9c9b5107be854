import pLimit from 'p-limit'
import type { WarmRequest } from './plan.ts'

/** How the CDN answered one request. */
export type WarmResult = {
  request: WarmRequest
  milliseconds: number
} & ({ outcome: 'already warm' | 'filled'; bytes: number } | { outcome: 'failed'; reason: string })

export interface WarmOptions {
  /** Requests under way at once. */
  concurrency: number
  /** Ends it early: what is under way is given up, and has no result. */
  signal: AbortSignal
  onResult: (result: WarmResult) => void
}

/** Sends every request to the CDN, in this order, and reads each answer to its end. */
export async function warmUp(requests: readonly WarmRequest[], options: WarmOptions): Promise<void> {
  const { concurrency, signal, onResult } = options
  const limit = pLimit(concurrency)
  await limit.map(requests, async (request) => {
    if (signal.aborted) return
    const result = await ask(request, signal)
    if (!signal.aborted) onResult(result)
  })
}

async function ask(request: WarmRequest, signal: AbortSignal): Promise<WarmResult> {
  const startedAt = performance.now()
  const verdict = await judge(request, signal).catch((error: unknown) => failure(messageOf(error)))
  return { request, milliseconds: performance.now() - startedAt, ...verdict }
}

async function judge({ url, format }: WarmRequest, signal: AbortSignal) {
  const response = await fetch(url, { signal, redirect: 'manual' })
  const bytes = (await response.arrayBuffer()).byteLength
  if (response.status !== 200) return failure(`status ${response.status}`)
  const type = response.headers.get('content-type')
  if (type !== `image/${format}`) return failure(`came as ${type}`)
  const cache = response.headers.get('x-cache') ?? ''
  if (/^(Hit|RefreshHit)\b/.test(cache)) return { outcome: 'already warm', bytes } as const
  if (/^Miss\b/.test(cache)) return { outcome: 'filled', bytes } as const
  // No CDN in between keeps anything: that would be no warm-up.
  return failure(cache === '' ? 'no X-Cache: it is not a CDN that answers' : `X-Cache: ${cache}`)
}

function failure(reason: string) {
  return { outcome: 'failed', reason } as const
}

/** `fetch failed` alone tells nothing: its cause does. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? error.cause.message : error.message
}
