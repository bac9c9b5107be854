import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { S3Error } from './errors.ts'
import { decodeStrictly } from './percent-encoding.ts'

const KEY_BYTES_MAX = 1024

/** A request as S3 understands it, path-style: `/bucket/key?subresource`. */
export interface S3Request {
  readonly id: string
  readonly method: string
  /** The path as sent, still percent-encoded: the signature covers this spelling. */
  readonly rawPath: string
  /** Empty when the request is about the service itself. */
  readonly bucket: string
  /** Empty when the request is about the bucket itself. */
  readonly key: string
  readonly query: URLSearchParams
  /** Header fields by lower-case name; in a presigned URL they may come as query parameters. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: IncomingMessage
  readonly clientAddress: string
}

/**
 * Reads bucket, key, query and headers off an HTTP request.
 *
 * @throws {S3Error} `InvalidURI` or `KeyTooLongError`.
 */
export function parseS3Request(message: IncomingMessage): S3Request {
  const target = message.url ?? '/'
  const queryStart = target.indexOf('?')
  // `new URL` is of no use here: it would resolve `..` and take `//bucket` for a host, both legal in keys.
  const rawPath = queryStart < 0 ? target : target.slice(0, queryStart)
  const query = new URLSearchParams(queryStart < 0 ? '' : target.slice(queryStart + 1))
  const [bucket = '', ...keySegments] = rawPath.slice(1).split('/').map(decodeStrictly)
  const key = checkKey(keySegments.join('/'))
  return {
    id: randomUUID(),
    method: message.method ?? 'GET',
    rawPath,
    bucket,
    key,
    query,
    headers: new Map([...hoistedHeaders(query), ...headerFields(message)]),
    body: message,
    clientAddress: message.socket.remoteAddress ?? '',
  }
}

/** Returns a key as it is. @throws {S3Error} `KeyTooLongError` over 1024 bytes. */
export function checkKey(key: string): string {
  if (Buffer.byteLength(key) > KEY_BYTES_MAX) throw new S3Error('KeyTooLongError')
  return key
}

/** Whether the credentials of a request are in its URL. */
export function isPresigned(request: S3Request): boolean {
  return request.query.has('X-Amz-Signature')
}

function headerFields(message: IncomingMessage): [string, string][] {
  return Object.entries(message.headers).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, Array.isArray(value) ? value.join(',') : value] as [string, string]],
  )
}

// Presigners move the x-amz-* headers into the query, and S3 obeys them there all the same. That includes
// the CRC32 of an empty body which SDKs put into the URL of a PUT by default and which then fits no upload.
function hoistedHeaders(query: URLSearchParams): [string, string][] {
  if (!query.has('X-Amz-Signature')) return []
  return [...query]
    .map(([name, value]): [string, string] => [name.toLowerCase(), value])
    .filter(([name]) => name.startsWith('x-amz-'))
}
