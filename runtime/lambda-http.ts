import { once } from 'node:events'
import type { Writable } from 'node:stream'
import type { LambdaFunctionURLEvent } from 'aws-lambda'
import type { Logger } from 'pino'
import { Problem, problemResponse } from '../core/problem.ts'

export interface LambdaHost {
  serve: (request: Request) => Promise<Response>
  /** Resolves when nothing is left to do of what `serve` began; nothing runs between two invocations. */
  settle: () => Promise<void>
  log: Logger
}

export type StreamingHandler = (event: LambdaFunctionURLEvent, stream: Writable) => Promise<void>

/**
 * Makes the handler of a function URL whose invoke mode is RESPONSE_STREAM; it goes into `awslambda.streamifyResponse`.
 *
 * The answer is sent as it comes, so that it may be larger than the 6 MB of a buffered one, and it is complete for the
 * viewer before `settle` is awaited. The handler rejects when a body breaks off: the runtime then marks the answer as
 * broken, so that no cache keeps a part of it.
 */
export function createStreamingHandler({ serve, settle, log }: LambdaHost): StreamingHandler {
  async function respond(event: LambdaFunctionURLEvent): Promise<Response> {
    try {
      return await serve(requestOf(event))
    } catch (error) {
      log.error({ err: error }, 'invocation failed')
      const problem = new Problem('INTERNAL', 500, 'The request could not be answered', { cause: error })
      return problemResponse(problem, requestIdOf(event))
    }
  }

  return async (event, stream) => {
    try {
      await send(await respond(event), stream)
    } catch (error) {
      if (!(error instanceof ViewerGone)) throw error
      log.info({ requestId: requestIdOf(event) }, 'nobody waited for the answer')
    } finally {
      await settle()
    }
  }
}

/** The request that an event of a function URL (payload format 2.0) stands for. */
export function requestOf(event: LambdaFunctionURLEvent): Request {
  const { method } = event.requestContext.http
  const headers = new Headers()
  for (const [name, value] of Object.entries(event.headers)) if (value !== undefined) headers.set(name, value)
  if (event.cookies !== undefined) headers.set('cookie', event.cookies.join('; '))
  if (!headers.has('x-request-id')) headers.set('x-request-id', requestIdOf(event))
  const body = method === 'GET' || method === 'HEAD' ? undefined : bodyOf(event)
  return new Request(urlOf(event), { method, headers, ...(body !== undefined && { body }) })
}

function urlOf({ rawPath, rawQueryString, requestContext }: LambdaFunctionURLEvent): string {
  const origin = `https://${requestContext.domainName}`
  // What came as %3F or %23 may be decoded here, and would end the path.
  const path = rawPath.replaceAll('?', '%3F').replaceAll('#', '%23')
  const url = new URL(origin + path)
  // A URL resolves `a/../b` and turns backslashes. The path is what was asked for and was signed, not what it could
  // mean: as one segment it means nothing.
  if (decoded(url.pathname) !== decoded(path)) url.pathname = `/${encodeURIComponent(path)}`
  return rawQueryString === '' ? url.href : `${url.href}?${rawQueryString}`
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

function bodyOf({
  body,
  isBase64Encoded,
}: LambdaFunctionURLEvent): string | Uint8Array<ArrayBuffer> | undefined {
  return body !== undefined && isBase64Encoded ? new Uint8Array(Buffer.from(body, 'base64')) : body
}

function requestIdOf({ requestContext }: LambdaFunctionURLEvent): string {
  return requestContext.requestId
}

/** The connection that the answer goes out by was closed from the other side. */
class ViewerGone extends Error {
  override readonly name = 'ViewerGone'
}

async function send(response: Response, stream: Writable): Promise<void> {
  const out = awslambda.HttpResponseStream.from(stream, metadataOf(response))
  // Status and headers go out before the first write. Where nothing is written, as to a HEAD, none would.
  out.write('')
  // Leaving the loop cancels the body, so that the store it comes from has its connection back.
  for await (const chunk of response.body ?? []) {
    const hasRoom = out.write(chunk)
    if (out.destroyed) throw new ViewerGone()
    if (!hasRoom) await writable(out)
  }
  out.end()
}

function metadataOf({ status, headers }: Response): Record<string, unknown> {
  const { 'set-cookie': _, ...fields } = Object.fromEntries(headers)
  return { statusCode: status, headers: fields, cookies: headers.getSetCookie() }
}

/** Resolves when a full stream takes more; throws ViewerGone if it never will. */
async function writable(stream: Writable): Promise<void> {
  const settled = new AbortController()
  const { signal } = settled
  try {
    const closed = once(stream, 'close', { signal }).then(() => 'closed')
    if ((await Promise.race([once(stream, 'drain', { signal }), closed])) === 'closed') throw new ViewerGone()
  } catch (error) {
    throw error instanceof ViewerGone ? error : new ViewerGone(undefined, { cause: error })
  } finally {
    settled.abort()
  }
}
