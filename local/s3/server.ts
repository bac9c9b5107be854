import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { answerPreflight, corsHeaders, type CorsRule, parseCorsRules } from './cors.ts'
import { DiskStore } from './disk-store.ts'
import { DurableFiles } from '../durable-files.ts'
import { S3Error } from './errors.ts'
import { MultipartUploads } from './multipart.ts'
import { Notifications, type S3EventListener } from './notifications.ts'
import type { Services } from './operation.ts'
import { isPostObject, postObject } from './post-object.ts'
import { findOperation } from './routes.ts'
import { parseS3Request, type S3Request } from './s3-request.ts'
import { type S3Response, sendResponse } from './s3-response.ts'
import { authenticate, type Credentials } from './signature.ts'
import { xmlErrorDocument } from './xml.ts'

export interface S3ServerOptions {
  /** Where buckets, objects and uploads are kept; created if absent. One server per directory. */
  readonly dir: string
  /** Secret access keys by access key id; each of them may do everything. */
  readonly credentials: Credentials
  /** Hears of every object created or removed, after the fact. */
  readonly onEvent?: S3EventListener
  /** Hears of what went wrong inside the server, or inside `onEvent`. */
  readonly onError?: (error: unknown) => void
  /** Whether writes are flushed to the disk before they are acknowledged; on unless said otherwise. */
  readonly fsync?: boolean
  /** Milliseconds since the epoch. */
  readonly now?: () => number
}

export interface S3Server {
  /**
   * Binds the port, then reads the directory. Port 0 takes a free one.
   *
   * @throws {Error} when the port is taken or the directory holds what cannot be read.
   */
  listen(port: number, host?: string): Promise<{ port: number }>
  /** Stops accepting, finishes the requests under way and the event deliveries, and ends all connections. */
  close(): Promise<void>
}

// Longer than any client keeps a connection in its pool, or it would send a request into one just closed.
const KEEP_ALIVE_MS = 120_000

/**
 * An S3 server on a directory: path-style addresses, Signature Version 4, no versioning, and a bucket policy or
 * lifecycle is kept but not acted upon.
 */
export function createS3Server(options: S3ServerOptions): S3Server {
  const { onError = () => {}, now = Date.now } = options
  const notifications = new Notifications(options.onEvent, onError, now)
  const requests = new Set<Promise<void>>()
  let context: Context | undefined
  let isClosing = false

  // No limit on the duration of a request: large uploads over slow lines take what they take.
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: 0 }, (message, response) => {
    response.shouldKeepAlive &&= !isClosing
    const request = respond(message, response, context).catch(onError)
    requests.add(request)
    void request.finally(() => requests.delete(request))
  })

  async function close(): Promise<void> {
    isClosing = true
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    while (requests.size > 0) await Promise.all(requests)
    await notifications.settled()
    server.closeAllConnections()
    await closed
  }

  return {
    async listen(port, host = '127.0.0.1') {
      await bind(server, port, host)
      try {
        // Not before the port is ours: a second server must not clean up under the first.
        const services = await openServices(options, notifications, now)
        context = { services, credentials: options.credentials, onError, now }
      } catch (error) {
        await close()
        throw error
      }
      return { port: (server.address() as AddressInfo).port }
    },
    close,
  }
}

interface Context {
  readonly services: Services
  readonly credentials: Credentials
  readonly onError: (error: unknown) => void
  readonly now: () => number
}

async function openServices(
  { dir, fsync = true }: S3ServerOptions,
  notifications: Notifications,
  now: () => number,
): Promise<Services> {
  const files = await DurableFiles.open(join(dir, 'tmp'), fsync)
  const store = await DiskStore.open(files, dir, now)
  const uploads = await MultipartUploads.open(store, dir, now)
  return { store, uploads, notifications }
}

async function respond(
  message: IncomingMessage,
  response: ServerResponse,
  context: Context | undefined,
): Promise<void> {
  try {
    if (!context) throw new S3Error('ServiceUnavailable')
    const request = parseS3Request(message)
    const rules = corsRules(request, context.services)
    response.setHeaders(new Map(Object.entries(corsHeaders(request, rules))))
    response.setHeader('x-amz-request-id', request.id)
    await sendResponse(await answer(request, rules, context), response)
  } catch (error) {
    await respondWithError(error, message, response)
  } finally {
    // What the client still sends has to be taken off the connection before the next request can be read from it.
    message.resume()
  }
}

async function answer(
  request: S3Request,
  rules: readonly CorsRule[] | undefined,
  { services, credentials, now }: Context,
): Promise<S3Response> {
  if (request.method === 'OPTIONS') return answerPreflight(request, rules)
  if (isPostObject(request)) return postObject(request, services, credentials, now())
  const payload = authenticate(request, credentials, now())
  return findOperation(request)(request, payload, services)
}

function corsRules({ bucket, headers }: S3Request, { store }: Services): CorsRule[] | undefined {
  // Only browsers name an origin; all others are spared the parsing.
  const document = headers.has('origin') ? store.findBucket(bucket)?.record.configurations.cors : undefined
  return document === undefined ? undefined : parseCorsRules(document)
}

/** Answers with what S3 has a code for; rethrows the rest after answering that something went wrong. */
async function respondWithError(
  error: unknown,
  message: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const hasClientLeft = response.destroyed || (message.destroyed && !message.complete)
  if (hasClientLeft) return
  if (response.headersSent) response.destroy()
  else await sendResponse(errorResponse(error, message, response), response)
  if (!(error instanceof S3Error)) throw error
}

function errorResponse(error: unknown, { method }: IncomingMessage, response: ServerResponse): S3Response {
  const requestId = String(response.getHeader('x-amz-request-id') ?? '')
  const known = error instanceof S3Error ? error : new S3Error('InternalError')
  const hasBody = method !== 'HEAD' && known.status !== 304
  return {
    status: known.status,
    headers: { ...known.headers, ...(hasBody && { 'content-type': 'application/xml' }) },
    ...(hasBody && { body: xmlErrorDocument(known, requestId) }),
  }
}

function bind(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
