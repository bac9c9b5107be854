import { Agent as HttpAgent, type IncomingMessage, request as httpRequest } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'

import {
  OriginFailure,
  type HeaderPairs,
  type Origin,
  type OriginRequest,
  type OriginResponse,
} from './origin.ts'

/** Returns the headers to send in place of the request's: the same and a signature. */
export type SignOriginRequest = (
  request: OriginRequest & { readonly url: string },
) => Promise<Readonly<Record<string, string>>>

export interface HttpOriginOptions {
  /** `http(s)://host:port`, with a path prefix or without; no trailing slash */
  readonly baseUrl: string
  readonly sign?: SignOriginRequest
  /** until the first byte and between bytes; CloudFront's default "response timeout" is 30 s */
  readonly responseTimeoutMs?: number
}

/** An origin over HTTP with keep-alive. Redirects are answers, not followed; the path goes out as it is. */
export function httpOrigin(options: HttpOriginOptions): Origin {
  // Not fetch: it would normalise the path (%2e%2e), decompress bodies and add headers of its own.
  const base = new URL(options.baseUrl)
  const secure = base.protocol === 'https:'
  const agent = new (secure ? HttpsAgent : HttpAgent)({ keepAlive: true })
  const prefix = base.pathname === '/' ? '' : base.pathname

  return async (request) => {
    const path = prefix + request.path
    const headers = options.sign
      ? await options.sign({ ...request, url: base.origin + path })
      : request.headers
    for (;;) {
      const answer = await send(path, request.method, headers)
      if (answer !== 'stale connection') return answer
    }
  }

  /** `stale connection`: the origin closed an idle connection just when it was used again; try another one. */
  function send(
    path: string,
    method: string,
    headers: Readonly<Record<string, string>>,
  ): Promise<OriginResponse | 'stale connection'> {
    return new Promise((resolve, reject) => {
      const outgoing = (secure ? httpsRequest : httpRequest)({
        agent,
        protocol: base.protocol,
        hostname: base.hostname.replace(/^\[|\]$/g, ''),
        port: base.port,
        path,
        method,
        headers,
        timeout: options.responseTimeoutMs ?? 30_000,
      })
      outgoing.on('timeout', () => {
        outgoing.destroy(new OriginFailure('timeout', `${base.origin} took too long`))
      })
      outgoing.on('error', (error) => {
        if (outgoing.reusedSocket && 'code' in error && error.code === 'ECONNRESET')
          resolve('stale connection')
        else reject(asFailure(error, 'connect'))
      })
      outgoing.on('response', (incoming) => {
        readBody(incoming, (error, body) => {
          if (error) reject(asFailure(error, 'broken'))
          else resolve({ status: incoming.statusCode ?? 0, headers: pairsOf(incoming.rawHeaders), body })
        })
      })
      outgoing.end()
    })
  }

  function asFailure(error: unknown, kind: 'connect' | 'broken'): OriginFailure {
    if (error instanceof OriginFailure) return error
    return new OriginFailure(kind, `${base.origin} gave no complete answer`, { cause: error })
  }
}

function readBody(incoming: IncomingMessage, done: (error: Error | null, body: Buffer) => void): void {
  const chunks: Buffer[] = []
  incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
  incoming.on('error', (error) => done(error, Buffer.alloc(0)))
  incoming.on('end', () => done(null, Buffer.concat(chunks)))
}

function pairsOf(rawHeaders: readonly string[]): HeaderPairs {
  const pairs: [string, string][] = []
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) pairs.push([rawHeaders[i]!, rawHeaders[i + 1]!])
  return pairs
}
