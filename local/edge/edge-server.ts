import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'

import type { EdgeFields, EdgeRequest, EdgeResponse } from '../../edge/event.ts'
import { cacheKey } from './cache-key.ts'
import type { Entry } from './entry.ts'
import { matchesInvalidation } from './invalidation.ts'
import { createOriginFetch } from './origin-fetch.ts'
import type { Origin } from './origin.ts'
import { createReply, via, type ViewerConditions } from './reply.ts'
import { FunctionValidationError, loadViewerRequest } from './sandbox.ts'
import { createTier, outcomeOfHit, type Next, type Outcome, type Tier, type TierStats } from './tier.ts'
import { defaultCachePolicy, type CachePolicy } from './ttl.ts'
import { viewerRequestEvent } from './viewer-event.ts'

export interface TierSize {
  readonly name: string
  readonly bytesMax: number
}

export interface EdgeOptions {
  /** the text of `dist/edge/viewer-request.js` */
  readonly functionCode: string
  /** the function's KeyValueStore; read at every call */
  readonly kvs?: ReadonlyMap<string, string>
  /** an origin, or an origin group */
  readonly origin: Origin
  /** milliseconds since the epoch */
  readonly now?: () => number
  /** from the viewer's side to the origin's; at least one */
  readonly tiers?: readonly TierSize[]
  readonly policy?: CachePolicy
  /** the response headers policy: added to every answer, in place of the origin's headers of the same name */
  readonly responseHeaders?: Readonly<Record<string, string>>
  /** receives what the function writes to its log, and why it failed */
  readonly log?: (message: string) => void
  /** is told of every answer that came from the cache or the origin: what a line of the access log would say */
  readonly onAnswer?: (answer: LoggedAnswer) => void
}

/** One answer, as the access log has it. */
export interface LoggedAnswer {
  /** path and query as the viewer sent them */
  readonly url: string
  /** the cache key: the path that the function made of them */
  readonly key: string
  readonly status: number
  readonly outcome: Outcome
  /** of the whole body, though a part of it or none may have been sent */
  readonly bytes: number
}

export interface EdgeStats {
  readonly requests: number
  readonly hits: number
  readonly misses: number
  readonly refreshHits: number
  /** answers with a status of 400 or more that came from the origin or the cache */
  readonly errors: number
  readonly functionResponses: number
  readonly functionErrors: number
  readonly originRequests: number
  readonly tiers: readonly TierStats[]
}

export interface Edge {
  /** Answers a viewer; a listener for `http.createServer`. A warm hit is answered before it returns. */
  handle(req: IncomingMessage, res: ServerResponse): void
  /**
   * Removes paths from all tiers, at once. What is being fetched meanwhile is not stored.
   *
   * @throws {RangeError} for a path that CloudFront would not take; then nothing is removed
   */
  invalidate(patterns: readonly string[]): void
  stats(): EdgeStats
  /** From now on requests get 503. */
  close(): void
}

const mebibyte = 1024 * 1024
const defaultTiers: readonly TierSize[] = [
  { name: 'pop', bytesMax: 64 * mebibyte },
  { name: 'regional', bytesMax: 128 * mebibyte },
  { name: 'shield', bytesMax: 256 * mebibyte },
]

/** Vary, since the answer depends on Accept though the cache key does not; HSTS is left to HTTPS. */
const defaultResponseHeaders: Readonly<Record<string, string>> = {
  Vary: 'Accept',
  'X-Content-Type-Options': 'nosniff',
  'Timing-Allow-Origin': '*',
  'Cross-Origin-Resource-Policy': 'cross-origin',
}

/** CloudFront on one machine: edge function, cache tiers, origin. What it leaves out stands in docs/local-edge.md. */
export function createEdge(options: EdgeOptions): Edge {
  const now = options.now ?? Date.now
  const log = options.log ?? (() => undefined)
  const responseHeaders = options.responseHeaders ?? defaultResponseHeaders
  const run = loadViewerRequest({ code: options.functionCode, kvs: options.kvs ?? new Map(), log })
  const reply = createReply({ responseHeaders, now })
  const nextRequestId = createRequestIds()

  const count = { requests: 0, functionResponses: 0, functionErrors: 0, originRequests: 0 }
  const outcomes: Record<Outcome, number> = { Hit: 0, Miss: 0, RefreshHit: 0, Error: 0 }
  let closed = false

  const tiers = createTiers(options.tiers ?? defaultTiers, askOrigin(), now)
  const nearest = tiers[0]
  if (nearest === undefined) throw new RangeError('an edge needs at least one tier')

  return { handle, invalidate, stats, close }

  function handle(req: IncomingMessage, res: ServerResponse): void {
    const requestId = nextRequestId()
    count.requests++
    if (closed) return reply.failure(res, 503, 'The edge is closed.', 'Error', requestId)

    let result: EdgeRequest | EdgeResponse | Promise<EdgeRequest | EdgeResponse>
    try {
      result = run(viewerRequestEvent(req, requestId))
    } catch (error) {
      return functionFailed(res, error, requestId)
    }
    if (!(result instanceof Promise)) return answer(res, req, result, requestId)
    result.then(
      (settled) => answer(res, req, settled, requestId),
      (error: unknown) => functionFailed(res, error, requestId),
    )
  }

  function answer(
    res: ServerResponse,
    req: IncomingMessage,
    result: EdgeRequest | EdgeResponse,
    requestId: string,
  ): void {
    if ('statusCode' in result) {
      count.functionResponses++
      return reply.functionResponse(res, result, req.method === 'HEAD', requestId)
    }
    // The distribution allows GET and HEAD ("Allowed HTTP methods"); a function can't change the method.
    if (req.method !== 'GET' && req.method !== 'HEAD') {
      return reply.failure(
        res,
        403,
        'This distribution is not configured for this method.',
        'Error',
        requestId,
      )
    }
    serve(res, req.url ?? '', cacheKey(result), conditionsOf(result, req.method === 'HEAD'), requestId)
  }

  function serve(
    res: ServerResponse,
    url: string,
    key: string,
    conditions: ViewerConditions,
    requestId: string,
  ): void {
    const entry = nearest!.hit(key)
    if (entry !== null) return finish(entry, outcomeOfHit(entry))
    nearest!.fetch({ key, known: null }).then(
      (fetched) => finish(fetched.entry, fetched.outcome),
      (error: unknown) => {
        log(String(error))
        reply.failure(res, 502, 'The origin gave no complete answer.', 'Error', requestId)
      },
    )

    function finish(served: Entry, outcome: Outcome): void {
      outcomes[outcome]++
      reply.entry(res, conditions, served, outcome, requestId)
      options.onAnswer?.({ url, key, status: served.status, outcome, bytes: served.body.length })
    }
  }

  function functionFailed(res: ServerResponse, error: unknown, requestId: string): void {
    count.functionErrors++
    log(String(error))
    const kind =
      error instanceof FunctionValidationError ? 'FunctionValidationError' : 'FunctionExecutionError'
    reply.failure(res, 503, 'The edge function failed.', kind, requestId)
  }

  function askOrigin(): Next {
    return createOriginFetch({
      origin(request) {
        count.originRequests++
        return options.origin(request)
      },
      policy: options.policy ?? defaultCachePolicy,
      responseHeaders,
      originHeaders: { 'user-agent': 'Amazon CloudFront', via },
      now,
    })
  }

  function invalidate(patterns: readonly string[]): void {
    const matches = matchesInvalidation(patterns)
    for (const tier of tiers) tier.invalidate(matches)
  }

  function stats(): EdgeStats {
    return {
      ...count,
      hits: outcomes.Hit,
      misses: outcomes.Miss,
      refreshHits: outcomes.RefreshHit,
      errors: outcomes.Error,
      tiers: tiers.map((tier) => tier.stats()),
    }
  }

  function close(): void {
    closed = true
    invalidate(['/*'])
  }
}

function createTiers(sizes: readonly TierSize[], origin: Next, now: () => number): Tier[] {
  const tiers: Tier[] = []
  let next = origin
  for (const size of sizes.toReversed()) {
    const tier = createTier({ ...size, next, now })
    tiers.unshift(tier)
    next = tier.fetch
  }
  return tiers
}

function conditionsOf(request: EdgeRequest, isHead: boolean): ViewerConditions {
  return {
    isHead,
    range: valueOf(request.headers, 'range'),
    ifRange: valueOf(request.headers, 'if-range'),
    ifNoneMatch: valueOf(request.headers, 'if-none-match'),
    ifModifiedSince: valueOf(request.headers, 'if-modified-since'),
  }
}

function valueOf(headers: EdgeFields, name: string): string | null {
  const field = headers[name]
  if (field === undefined) return null
  return field.multiValue === undefined ? field.value : field.multiValue.map(({ value }) => value).join(', ')
}

/** Unique and opaque, like `X-Amz-Cf-Id`; a counter after a random prefix, since a hit should not wait for entropy. */
function createRequestIds(): () => string {
  const prefix = randomBytes(33).toString('base64url')
  let serial = 0
  return () => `${prefix}${(serial++).toString(36).padStart(10, '0')}==`
}
