import type { ServerResponse } from 'node:http'
import { PassThrough } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { delimiterLength, type HandlerStream, preludeContentType } from './awslambda.ts'

/** What a handler makes of the head of its answer. */
export interface ResponseHead {
  statusCode?: number
  headers?: Record<string, string | number | boolean>
  cookies?: readonly string[]
}

interface ResponsePipe {
  /** For the handler. */
  stream: HandlerStream
  /** Whether the handler has written something, be it on its way still. */
  isBegun(): boolean
  /** Resolves when the viewer has got all that the handler has written; rejects when the viewer has left. */
  delivered: Promise<void>
}

/**
 * Connects a streaming handler with the answer that the viewer gets: the handler writes bytes, of which the first are
 * status and headers if it has said so by the content type.
 */
export function pipeResponse(response: ServerResponse): ResponsePipe {
  const stream = new WrittenResponse()
  const delivered = pipeline(stream, (bytes) => bodyOf(bytes, stream, response), response)
  return { stream, isBegun: () => stream.isWritten, delivered }
}

class WrittenResponse extends PassThrough implements HandlerStream {
  contentType = 'application/octet-stream'
  beforeFirstWrite?: (write: (chunk: string | Uint8Array) => void) => void
  isWritten = false

  setContentType(contentType: string): void {
    this.contentType = contentType
  }

  override write(...[chunk, ...others]: unknown[]): boolean {
    const write = super.write.bind(this) as (...parameters: unknown[]) => boolean
    if (!this.isWritten) this.beforeFirstWrite?.(write)
    this.isWritten = true
    return write(chunk, ...others)
  }
}

/** Takes the head off what a handler writes, as soon as it is there. */
async function* bodyOf(
  bytes: AsyncIterable<Buffer>,
  written: WrittenResponse,
  response: ServerResponse,
): AsyncGenerator<Buffer> {
  let prelude = Buffer.alloc(0)
  for await (const chunk of bytes) {
    if (response.headersSent) {
      yield chunk
      continue
    }
    if (written.contentType !== preludeContentType) {
      writeHead(response, { headers: { 'content-type': written.contentType } })
      yield chunk
      continue
    }
    prelude = Buffer.concat([prelude, chunk])
    const end = prelude.indexOf(Buffer.alloc(delimiterLength))
    if (end < 0) continue
    writeHead(response, JSON.parse(prelude.subarray(0, end).toString()) as ResponseHead)
    if (prelude.length > end + delimiterLength) yield prelude.subarray(end + delimiterLength)
  }
  // Nothing was written, so that not even a status has come.
  if (!response.headersSent) yield badGateway(response)
}

/** What a viewer gets where a function has failed. */
export function badGateway(response: ServerResponse): Buffer {
  writeHead(response, { statusCode: 502, headers: { 'content-type': 'application/json' } })
  return Buffer.from('{"Message":"Internal Server Error"}')
}

export function writeHead(
  response: ServerResponse,
  { statusCode = 200, headers = {}, cookies = [] }: ResponseHead,
): void {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, String(value))
  if (cookies.length > 0) response.setHeader('set-cookie', cookies)
  response.writeHead(statusCode)
  response.flushHeaders()
}
