import { randomUUID } from 'node:crypto'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'
import type { LambdaFunctionURLEvent } from 'aws-lambda'
import { type HandlerStream, isStreaming } from './awslambda.ts'
import { badGateway, pipeResponse, type ResponseHead, writeHead } from './response-stream.ts'

/** Bytes of an event, and of an answer that is not streamed. */
export const bufferedBytesMax = 6 * 1024 * 1024

const domainName = 'local.lambda-url.us-east-1.on.aws'
const textTypes = /^(text\/|application\/(json|javascript|xml|x-www-form-urlencoded))|\+json/

interface InvocationContext {
  awsRequestId: string
  functionName: string
}

type StreamingHandler = (
  event: LambdaFunctionURLEvent,
  stream: HandlerStream,
  context: InvocationContext,
) => Promise<void>
type BufferedHandler = (event: LambdaFunctionURLEvent, context: InvocationContext) => Promise<unknown>
export type LambdaHandler = StreamingHandler | BufferedHandler

interface FunctionUrlOptions {
  /** Called when an invocation has ended, which may be after the viewer has got the answer. */
  onInvoked?: (requestId: string) => void
}

/**
 * Serves a Lambda handler as its function URL does: requests become events (payload format 2.0), answers are streamed
 * or, if the handler is no streaming one, buffered up to 6 MB. One process of a function has one invocation at a time,
 * and so has this; AWS would start more processes where requests wait here.
 */
export function createFunctionUrl(
  handler: LambdaHandler,
  { onInvoked }: FunctionUrlOptions = {},
): RequestListener {
  let previous: Promise<unknown> = Promise.resolve()
  return (request, response) => {
    previous = previous.then(async () => {
      const event = await eventOf(request)
      if (event === null) return void response.writeHead(413).end()
      const { requestId } = event.requestContext
      await invoke(event, response, { awsRequestId: requestId, functionName: 'local' })
      onInvoked?.(requestId)
    })
  }

  async function invoke(
    event: LambdaFunctionURLEvent,
    response: ServerResponse,
    context: InvocationContext,
  ): Promise<void> {
    if (isStreaming(handler)) {
      await invokeStreaming(handler as StreamingHandler, event, response, context)
      return
    }
    try {
      answerBuffered(response, await (handler as BufferedHandler)(event, context))
    } catch (error) {
      logFailure(error)
      response.end(badGateway(response))
    }
  }
}

async function invokeStreaming(
  handler: StreamingHandler,
  event: LambdaFunctionURLEvent,
  response: ServerResponse,
  context: InvocationContext,
): Promise<void> {
  const { stream, isBegun, delivered } = pipeResponse(response)
  // A viewer who leaves ends the delivery, not the invocation.
  const over = delivered.catch(() => {})
  try {
    await handler(event, stream, context)
    if (!stream.writableEnded && !stream.destroyed) throw new Error('Response stream is not finished.')
  } catch (error) {
    logFailure(error)
    if (isBegun()) {
      response.destroy()
      stream.destroy()
    } else {
      stream.end()
    }
  }
  await over
}

function logFailure(error: unknown): void {
  process.stderr.write(`Invoke Error ${String(error instanceof Error ? error.stack : error)}\n`)
}

function answerBuffered(response: ServerResponse, result: unknown): void {
  const answer = (isHead(result) ? result : { body: JSON.stringify(result) }) as ResponseHead & {
    body?: string
    isBase64Encoded?: boolean
  }
  if (Buffer.byteLength(JSON.stringify(answer)) > bufferedBytesMax) {
    throw new Error(`An answer that is not streamed has more than ${bufferedBytesMax} bytes`)
  }
  writeHead(response, { ...answer, headers: { 'content-type': 'application/json', ...answer.headers } })
  response.end(Buffer.from(answer.body ?? '', answer.isBase64Encoded === true ? 'base64' : 'utf8'))
}

function isHead(result: unknown): boolean {
  return typeof result === 'object' && result !== null && 'statusCode' in result
}

/** The event for a request; null for one that is too large to be one. */
async function eventOf(request: IncomingMessage): Promise<LambdaFunctionURLEvent | null> {
  const body = await buffer(request)
  if (body.length > bufferedBytesMax) return null
  const [rawPath = '/', rawQueryString = ''] = splitOnce(request.url ?? '/', '?')
  const { cookie, ...others } = request.headers
  const headers = Object.fromEntries(
    Object.entries(others).map(([name, value]) => [name, Array.isArray(value) ? value.join(',') : value]),
  )
  const now = new Date()
  const requestId = randomUUID()
  const isText = textTypes.test(headers['content-type'] ?? '')
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath,
    rawQueryString,
    ...(cookie !== undefined && { cookies: cookie.split(/;\s*/) }),
    headers: { ...headers, host: domainName, 'x-forwarded-proto': 'https' },
    ...(rawQueryString !== '' && {
      queryStringParameters: Object.fromEntries(new URLSearchParams(rawQueryString)),
    }),
    requestContext: {
      accountId: 'anonymous',
      apiId: 'local',
      domainName,
      domainPrefix: 'local',
      http: {
        method: request.method ?? 'GET',
        path: rawPath,
        protocol: 'HTTP/1.1',
        sourceIp: request.socket.remoteAddress ?? '',
        userAgent: headers['user-agent'] ?? '',
      },
      requestId,
      routeKey: '$default',
      stage: '$default',
      time: now.toUTCString(),
      timeEpoch: now.getTime(),
    },
    ...(body.length > 0 && { body: body.toString(isText ? 'utf8' : 'base64') }),
    isBase64Encoded: body.length > 0 && !isText,
  }
}

function splitOnce(whole: string, separator: string): string[] {
  const at = whole.indexOf(separator)
  return at < 0 ? [whole] : [whole.slice(0, at), whole.slice(at + 1)]
}
