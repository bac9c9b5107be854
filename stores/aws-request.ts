import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto'
import { Agent as HttpAgent, type IncomingMessage, request as httpRequest } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { text } from 'node:stream/consumers'
import { SignatureV4 } from '@smithy/signature-v4'
import { withRetries } from './retry.ts'

/*
 * Signed requests to AWS without its SDK, for a process that has to start fast: see
 * docs/adr/0007-light-clients-in-the-origin.md. node:http and not fetch, because fetch resolves `a/./b` and keys may
 * be like that, and because it decompresses what it gets.
 */

export interface AwsCredentials {
  accessKeyId: string
  secretAccessKey: string
  sessionToken?: string | undefined
}

export interface AwsService {
  /** Name under which requests are signed: `s3`, `dynamodb`. */
  name: string
  region: string
  credentials: AwsCredentials
  /** Such as `https://dynamodb.eu-central-1.amazonaws.com`; a path in it is ignored. */
  endpoint: string
  /** Reads the error code out of the body of a refusal; an empty text if there is none. */
  errorCodeIn: (body: string) => string
  /** Milliseconds without a byte after which a request has failed, that is connecting, waiting or reading. */
  silenceMsMax?: number
}

export interface AwsRequest {
  method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE'
  /** Percent-encoded; it is sent and signed as it is. */
  path: string
  query?: Record<string, string>
  headers?: Record<string, string>
  body?: Uint8Array | string
}

/** A request that was answered by a refusal. */
export class AwsError extends Error {
  override readonly name = 'AwsError'
  /** The service's own, such as `NoSuchKey`; empty where it gave none, as to every HEAD. */
  readonly code: string
  readonly status: number

  constructor(code: string, status: number, requested: string, requestId: string | undefined) {
    super(`${requested} answered ${status} ${code || 'without a code'} (request ${requestId ?? 'unnamed'})`)
    this.code = code
    this.status = status
  }
}

export type SendAwsRequest = (request: AwsRequest) => Promise<IncomingMessage>

const defaultSilenceMsMax = 5_000

/** Refusals that mean "not now": throttling, and a conditional put that met another one. */
const transientCodes: ReadonlySet<string> = new Set([
  'ConditionalRequestConflict',
  'LimitExceededException',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'RequestTimeout',
  'SlowDown',
  'ThrottlingException',
])

/**
 * Gives a function that signs and sends requests to one service over connections that are kept open.
 *
 * It resolves with answers of status 2xx, whose body must be read or destroyed. It rejects with `AwsError` for others,
 * and with the connection's error if there is no answer. Throttling, 5xx and broken connections are tried again, also
 * where only the answer was lost: what is requested is done once or more.
 */
export function createAwsSender(service: AwsService): SendAwsRequest {
  const { protocol, hostname, port, host } = new URL(service.endpoint)
  const isTls = protocol === 'https:'
  const agent = isTls ? new HttpsAgent({ keepAlive: true }) : new HttpAgent({ keepAlive: true })
  const open = isTls ? httpsRequest : httpRequest
  const silenceMsMax = service.silenceMsMax ?? defaultSilenceMsMax
  const signer = new SignatureV4({
    service: service.name,
    region: service.region,
    credentials: withoutUndefined(service.credentials),
    sha256: Sha256,
    // S3 alone signs the path as it is sent; the paths of the others need no escaping.
    uriEscapePath: false,
  })

  return (request) =>
    withRetries(async (attempt) => {
      const { headers } = await signer.sign({
        ...request,
        protocol,
        hostname,
        query: request.query ?? {},
        headers: { ...request.headers, host },
      })
      const answer = await exchange(request, headers, attempt)
      const { statusCode = 0 } = answer
      if (statusCode >= 200 && statusCode < 300) return answer
      throw await refusal(request, answer)
    }, isTransient)

  function exchange(
    request: AwsRequest,
    headers: Record<string, string>,
    attempt: number,
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const outgoing = open(
        {
          hostname: hostname.replace(/^\[|\]$/g, ''),
          port,
          method: request.method,
          path: request.path + queryText(request.query),
          headers: withLength(headers, request),
          // After a failure a connection of its own: of those kept open, a thaw may have found all dead.
          agent: attempt === 0 ? agent : false,
          timeout: silenceMsMax,
        },
        (answer) => {
          incoming = answer
          resolve(answer)
        },
      )
      let incoming: IncomingMessage | undefined
      outgoing.on('timeout', () => {
        // Who reads slowly, as a viewer may, stops the connection: that is not the service's silence.
        if (incoming !== undefined && incoming.readableLength >= incoming.readableHighWaterMark) {
          outgoing.setTimeout(silenceMsMax)
        } else {
          const silence = new Error(`${nameOf(request)}: nothing heard for ${silenceMsMax} ms`)
          ;(incoming ?? outgoing).destroy(silence)
        }
      })
      outgoing.on('error', reject)
      outgoing.end(request.body)
    })
  }

  async function refusal(request: AwsRequest, answer: IncomingMessage): Promise<AwsError> {
    const code = service.errorCodeIn(await text(answer))
    const requestId = answer.headers['x-amz-request-id'] ?? answer.headers['x-amzn-requestid']
    return new AwsError(code, answer.statusCode ?? 0, nameOf(request), requestId?.toString())
  }

  function nameOf({ method, path }: AwsRequest): string {
    return `${service.name} ${method} ${path}`
  }
}

/** Everything but a refusal is a connection that broke. */
function isTransient(error: unknown): boolean {
  if (!(error instanceof AwsError)) return true
  return error.status >= 500 || error.status === 429 || transientCodes.has(error.code)
}

/** Percent-encodes all but the characters that RFC 3986 calls unreserved, as SigV4 wants it. */
export function encodeUnreserved(plain: string): string {
  return encodeURIComponent(plain).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

function queryText(query: Record<string, string> = {}): string {
  const pairs = Object.entries(query).map(
    ([name, value]) => `${encodeUnreserved(name)}=${encodeUnreserved(value)}`,
  )
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`
}

/** A body of known length is sent in one piece, as S3 demands. */
function withLength(headers: Record<string, string>, { method, body }: AwsRequest): Record<string, string> {
  if (method !== 'PUT' && method !== 'POST') return headers
  return { ...headers, 'content-length': String(Buffer.byteLength(body ?? '')) }
}

function withoutUndefined({ accessKeyId, secretAccessKey, sessionToken }: AwsCredentials) {
  return { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) }
}

/** SHA-256, and HMAC with it where there is a key, in the shape that the signer takes. */
class Sha256 {
  readonly #hash: Hash | Hmac
  constructor(key?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = key === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(key))
  }
  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(bytesOf(data))
  }
  async digest(): Promise<Uint8Array> {
    return this.#hash.digest()
  }
}

function bytesOf(data: string | ArrayBuffer | ArrayBufferView): string | Uint8Array {
  if (typeof data === 'string') return data
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data)
}
