import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import {
  type CloudFrontClient,
  CreateInvalidationCommand,
  TooManyInvalidationsInProgress,
} from '@aws-sdk/client-cloudfront'
import { variantPrefix } from '../core/image-url.ts'
import { Problem } from '../core/problem.ts'

export interface CloudFrontPurgeOptions {
  client: CloudFrontClient
  distributionId: string
  /** How long ids are gathered for one request when none is under way; while one is, they gather anyway. */
  gatherMs?: number
  /**
   * How long an id waits, from its call on, while CloudFront has too much in progress. Well below the 30 seconds after
   * which API Gateway gives up the request that is waiting for the purge.
   */
  patienceMs?: number
  /** Upper bounds of the first pause after a refusal, and of every pause. */
  firstPauseMs?: number
  longestPauseMs?: number
}

export interface CloudFrontPurge {
  /**
   * Takes everything that belongs to these images out of the CDN. Resolves when CloudFront has accepted that: by AWS's
   * figures the edges follow within 5 seconds (P95).
   *
   * @throws Problem PURGE_FAILED if CloudFront did not accept it; then it may have been made or not, and has to be
   * asked for again
   */
  purge(imageIds: readonly string[]): Promise<void>
  /** Resolves when no purge is waiting or under way. */
  drain(): Promise<void>
}

/**
 * Images in one invalidation: each takes one of the 15 paths with a wildcard that a distribution may have in
 * progress. Of the 3,000 without, they take two each.
 *
 * Source: "Concurrent invalidation request maximum", Amazon CloudFront Developer Guide.
 */
const batchMax = 15

/** An image that waits for its invalidation, and who waits for it. */
interface Waiting {
  imageId: string
  giveUpAtMs: number
  done: Promise<void>
  accepted: () => void
  failed: (error: Problem) => void
}

/**
 * Purges images from one CloudFront distribution. Purges that are asked for at about the same time share an
 * invalidation. Requests go out one after another, so nothing of this process is in its own way.
 *
 * docs/purge.md tells what is promised, and why by path and not by cache tag.
 */
export function createCloudFrontPurge({
  client,
  distributionId,
  gatherMs = 10,
  patienceMs = 15_000,
  firstPauseMs = 250,
  longestPauseMs = 4_000,
}: CloudFrontPurgeOptions): CloudFrontPurge {
  /** What is not yet in a request; who asks for one of them again is served by the same. */
  const waiting = new Map<string, Waiting>()
  let sending: Promise<void> | null = null

  async function purge(imageIds: readonly string[]): Promise<void> {
    await Promise.all(imageIds.map((imageId) => join(imageId).done))
  }

  function join(imageId: string): Waiting {
    const present = waiting.get(imageId)
    if (present !== undefined) return present
    const joined = startWaiting(imageId, Date.now() + patienceMs)
    waiting.set(imageId, joined)
    sending ??= sendAll()
    return joined
  }

  /** Never throws: who waits is told. */
  async function sendAll(): Promise<void> {
    await pause(gatherMs)
    while (waiting.size > 0) await send(takeBatch())
    sending = null
  }

  function takeBatch(): Waiting[] {
    const batch = [...waiting.values()].slice(0, batchMax)
    for (const { imageId } of batch) waiting.delete(imageId)
    return batch
  }

  async function send(batch: readonly Waiting[], refusals = 0): Promise<void> {
    try {
      await invalidate(batch.flatMap(({ imageId }) => pathsOf(imageId)))
      for (const { accepted } of batch) accepted()
    } catch (error) {
      const pauseMs = fullJitter(firstPauseMs, longestPauseMs, refusals)
      const giveUpAtMs = Math.min(...batch.map((each) => each.giveUpAtMs))
      const isFull = error instanceof TooManyInvalidationsInProgress
      if (!isFull || Date.now() + pauseMs > giveUpAtMs) {
        for (const { failed } of batch) failed(purgeFailed(error))
        return
      }
      await pause(pauseMs)
      // In halves: as long as others purge as well, there may never be room for all at once.
      for (const part of halvesOf(batch)) await send(part, refusals + 1)
    }
  }

  /** The SDK repeats a request whose answer got lost; by its reference CloudFront knows it for the same. */
  async function invalidate(paths: readonly string[]): Promise<void> {
    await client.send(
      new CreateInvalidationCommand({
        DistributionId: distributionId,
        InvalidationBatch: {
          CallerReference: randomUUID(),
          Paths: { Quantity: paths.length, Items: [...paths] },
        },
      }),
    )
  }

  async function drain(): Promise<void> {
    if (sending === null) return
    await sending
    return drain()
  }

  return { purge, drain }
}

/**
 * The paths of an image in the CDN: all under its canonical prefix, and, since the edge function rewrites the URL, what
 * viewers ask for. The cache key is the rewritten path, but AWS recommends to invalidate both ("What you need to know
 * when invalidating paths"). The query string is no part of the cache key, so none belongs in the path.
 */
function pathsOf(imageId: string): string[] {
  return [`/${variantPrefix(imageId)}*`, `/i/${imageId}`, `/p/${imageId}`]
}

function startWaiting(imageId: string, giveUpAtMs: number): Waiting {
  let accepted!: Waiting['accepted']
  let failed!: Waiting['failed']
  const done = new Promise<void>((resolve, reject) => {
    accepted = resolve
    failed = reject
  })
  return { imageId, giveUpAtMs, done, accepted, failed }
}

/**
 * A pause before trying again: anything up to a bound that doubles with each failure.
 *
 * Source: "Exponential Backoff And Jitter", AWS Architecture Blog: full jitter.
 */
function fullJitter(firstMs: number, longestMs: number, failures: number): number {
  return Math.random() * Math.min(longestMs, firstMs * 2 ** failures)
}

function halvesOf<Item>(items: readonly Item[]): Item[][] {
  const middle = Math.floor(items.length / 2)
  return [items.slice(0, middle), items.slice(middle)].filter((half) => half.length > 0)
}

function purgeFailed(cause: unknown): Problem {
  return new Problem('PURGE_FAILED', 503, 'The CDN has not accepted the purge', { cause })
}
