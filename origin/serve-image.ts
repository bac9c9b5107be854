import { randomUUID } from 'node:crypto'
import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import type sharp from 'sharp'
import type { ImageRecord } from '../core/image.ts'
import {
  aliasRev,
  isSignedRev,
  parseCanonicalPath,
  signedRev,
  type Variant,
  variantKey,
} from '../core/image-url.ts'
import { Problem, problemResponse } from '../core/problem.ts'
import { cacheControlFor, makeshift, mutable } from './caching.ts'
import { imageNotFound, isImageNotFound } from './image-not-found.ts'
import { createKeep, isDeliverable } from './keep.ts'
import type { Limits } from './limits.ts'
import { createOriginMetrics } from './metrics.ts'
import type { Originals, Records, Variants } from './ports.ts'
import { isUnreadable } from './render.ts'
import { createRenderQueue, isOverload } from './render-queue.ts'
import type { RequestCounts } from './request-counts.ts'
import { createStandIns } from './stand-in.ts'
import { createVariantMaker } from './variant-maker.ts'

export interface ServeImageDependencies {
  originals: Originals
  variants: Variants
  metadata: Records
  loadSharp: () => Promise<typeof sharp>
  limits: Limits
  log: Logger
  metrics: Registry
  counts: Pick<RequestCounts, 'rendered'>
  /** Takes work that goes on after the answer; the host awaits it before it freezes or ends the process. */
  background: (task: Promise<unknown>) => void
}

/** Bytes of a variant and what goes with them, whether they were rendered now or stored before. */
interface Answer {
  body: BodyInit
  contentType: string
  etag: string
  /** Bytes. */
  size: number
}

/**
 * The image origin: answers the first request for each variant.
 *
 * `GET /v/<id>/<rev>/<variant>` gives the picture with the ETag, Content-Type and Cache-Control that the variants
 * bucket will give from then on. Its errors are problem+json: 400 INVALID_PATH, 404 IMAGE_NOT_FOUND,
 * 405 METHOD_NOT_ALLOWED, 422 SOURCE_TOO_LARGE or SOURCE_UNREADABLE, 503 OVERLOADED.
 */
export function createServeImage(
  dependencies: ServeImageDependencies,
): (request: Request) => Promise<Response> {
  const { variants, metadata, log } = dependencies
  const metrics = createOriginMetrics(dependencies.metrics)
  const inRenderQueue = createRenderQueue(dependencies.limits)
  const keep = createKeep({ variants, metadata, log, metrics })
  const standIns = createStandIns(variants)
  const maker = createVariantMaker({ ...dependencies, metrics, inRenderQueue, keep })

  async function serve(request: Request): Promise<Response> {
    const asked = parseRequest(request)
    const record = await findDeliverable(asked)
    try {
      return await serveFrom(record, asked, request)
    } catch (error) {
      // Replaced while the request waited for its turn: that original is gone, the present one is there.
      if (!isImageNotFound(error)) throw error
      const present = await findDeliverable(asked)
      if (present.s3Key !== record.s3Key) return serveFrom(present, asked, request)
      // The record promises an object that is not there: never a viewer's fault, and worth an operator's look.
      log.error({ imageId: record.id, key: record.s3Key }, 'original is missing')
      throw error
    }
  }

  async function serveFrom(record: ImageRecord, asked: Variant, request: Request): Promise<Response> {
    const signed = isSignedRev(asked.rev)
    const rev = record.rev ?? aliasRev
    const variant = { ...asked, rev: signed ? signedRev(rev) : rev }
    const cacheControl = ({ contentType }: Answer): string =>
      asked.rev === variant.rev ? cacheControlFor(record, { signed, contentType }) : mutable

    // Under its own revision a variant was just missed in the bucket: only an alias may lead to a stored one.
    const key = variantKey(variant)
    const mayBeStored = asked.rev !== variant.rev && !maker.isUnderway(key)
    const stored = mayBeStored ? await findStored(key, 'stored') : null
    if (stored !== null) return respond(request, stored, mutable)
    try {
      const made = await make(record, variant)
      return respond(request, made, cacheControl(made))
    } catch (error) {
      const standIn = isOverload(error) ? await findMakeshift(variant) : null
      if (standIn === null) throw error
      return respond(request, standIn, makeshift)
    }
  }

  async function make(record: ImageRecord, variant: Variant): Promise<Answer> {
    const { outcome, rendered } = await maker.make(record, variant)
    metrics.requests.inc({ outcome })
    const { bytes, contentType, etag } = rendered
    return { body: bytes, contentType, etag, size: bytes.byteLength }
  }

  /** A larger picture now is better than none: it loads more slowly, and is replaced within seconds. */
  async function findMakeshift(variant: Variant): Promise<Answer | null> {
    const key = await standIns.find(variant)
    return key === null ? null : findStored(key, 'stand-in')
  }

  async function findDeliverable({ id, rev }: Variant): Promise<ImageRecord> {
    // Consistent: what an old copy lets through is cached for a year, after the purge that should have removed it.
    const record = await metadata.get(id, { consistent: true })
    if (record === null || !isDeliverable(record, isSignedRev(rev))) throw imageNotFound()
    return record
  }

  async function findStored(key: string, outcome: 'stored' | 'stand-in'): Promise<Answer | null> {
    const stored = await variants.get(key)
    if (stored === null) return null
    metrics.requests.inc({ outcome })
    return { ...stored, contentType: stored.contentType ?? 'application/octet-stream' }
  }

  return async (request) => {
    try {
      return await serve(request)
    } catch (error) {
      const problem = error instanceof Problem ? error : unexpected(error)
      if (isUnreadable(problem)) {
        log.warn({ err: problem.cause, path: new URL(request.url).pathname }, 'original cannot be decoded')
      }
      metrics.requests.inc({ outcome: problem.code })
      return problemResponse(problem, request.headers.get('x-request-id') ?? randomUUID())
    }
  }

  function unexpected(error: unknown): Problem {
    log.error({ err: error }, 'image request failed')
    return new Problem('INTERNAL', 500, 'The image could not be made', { cause: error })
  }
}

function parseRequest(request: Request): Variant {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    throw new Problem('METHOD_NOT_ALLOWED', 405, 'Images are read with GET or HEAD', {
      headers: { allow: 'GET, HEAD' },
    })
  }
  const variant = parseCanonicalPath(new URL(request.url).pathname)
  if (variant === null) throw new Problem('INVALID_PATH', 400, 'This is no canonical image path')
  return variant
}

function respond(
  request: Request,
  { body, contentType, etag, size }: Answer,
  cacheControl: string,
): Response {
  const headers = {
    'content-type': contentType,
    'content-length': String(size),
    'cache-control': cacheControl,
    etag,
  }
  if (request.headers.get('if-none-match') === etag) {
    cancel(body)
    return new Response(null, { status: 304, headers: { etag, 'cache-control': cacheControl } })
  }
  if (request.method === 'HEAD') cancel(body)
  return new Response(request.method === 'HEAD' ? null : body, { headers })
}

/** A stored body that nobody reads would hold its connection. */
function cancel(body: BodyInit): void {
  if (body instanceof ReadableStream) void body.cancel()
}
