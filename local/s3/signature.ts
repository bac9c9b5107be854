import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { ChunkSignatures } from './aws-chunked.ts'
import { S3Error } from './errors.ts'
import { decodeStrictly, encodeStrictly } from './percent-encoding.ts'
import { isPresigned, type S3Request } from './s3-request.ts'

/** Secret access keys by access key id. */
export type Credentials = Readonly<Record<string, string>>

/** How the body of an authenticated request is to be read. */
export type Payload =
  | { readonly kind: 'unsigned' }
  | { readonly kind: 'signed'; readonly sha256Hex: string }
  | { readonly kind: 'aws-chunked' }
  | { readonly kind: 'aws-chunked-signed'; readonly signatures: ChunkSignatures }

interface Claim {
  readonly accessKeyId: string
  /** Date, region, service, `aws4_request`. */
  readonly scope: readonly string[]
  readonly signedHeaders: readonly string[]
  readonly signature: string
  /** The request time, as sent: `20260131T235959Z`. */
  readonly timestamp: string
  readonly payloadHash: string
}

const ALGORITHM = 'AWS4-HMAC-SHA256'
const CLOCK_SKEW_MS_MAX = 15 * 60 * 1000
const EXPIRES_SECONDS_MAX = 7 * 24 * 60 * 60
const UNSIGNED_PAYLOAD = 'UNSIGNED-PAYLOAD'

/**
 * Verifies Signature Version 4 of a request, in its `Authorization` header or its query, and tells how its body
 * is to be read.
 *
 * @param now Milliseconds since the epoch.
 * @throws {S3Error} `AccessDenied` (no credentials, expired, unsigned x-amz-* header), `InvalidAccessKeyId`,
 *   `RequestTimeTooSkewed`, `SignatureDoesNotMatch`, or a 400 for claims that do not parse.
 */
export function authenticate(request: S3Request, credentials: Credentials, now: number): Payload {
  const claim = isPresigned(request) ? readQueryClaim(request, now) : readHeaderClaim(request, now)
  requireSignedHeaders(request, claim)
  const key = signingKey(credentials, claim.accessKeyId, claim.scope)
  const expected = hmacHex(key, stringToSign(claim, sha256Hex(canonicalRequest(request, claim))))
  if (!equalInConstantTime(expected, claim.signature)) throw new S3Error('SignatureDoesNotMatch')
  return payloadOf(claim, key)
}

/**
 * Verifies the signature over a browser form's policy document.
 *
 * @param credential The form's `x-amz-credential`.
 * @param policy The form's `policy`, in Base64 as sent.
 * @throws {S3Error} `InvalidAccessKeyId`, `SignatureDoesNotMatch`, `AuthorizationHeaderMalformed`.
 */
export function verifyPolicySignature(
  credentials: Credentials,
  credential: string,
  policy: string,
  signature: string,
): void {
  const { accessKeyId, scope } = parseCredential(credential)
  const expected = hmacHex(signingKey(credentials, accessKeyId, scope), policy)
  if (!equalInConstantTime(expected, signature)) throw new S3Error('SignatureDoesNotMatch')
}

function readHeaderClaim({ headers }: S3Request, now: number): Claim {
  const authorization = headers.get('authorization')
  if (authorization === undefined) throw new S3Error('AccessDenied')
  const parts =
    /^AWS4-HMAC-SHA256 Credential=([^,]+),\s*SignedHeaders=([^,]+),\s*Signature=([0-9a-f]+)$/.exec(
      authorization,
    )
  if (!parts) throw new S3Error('AuthorizationHeaderMalformed')
  const [, credential = '', signedHeaders = '', signature = ''] = parts
  const timestamp = headers.get('x-amz-date') ?? ''
  if (Math.abs(now - parseTimestamp(timestamp)) > CLOCK_SKEW_MS_MAX) throw new S3Error('RequestTimeTooSkewed')
  const payloadHash = headers.get('x-amz-content-sha256')
  if (payloadHash === undefined) {
    throw new S3Error('InvalidRequest', 'Missing required header for this request: x-amz-content-sha256')
  }
  return {
    ...parseCredential(credential),
    signedHeaders: signedHeaders.split(';'),
    signature,
    timestamp,
    payloadHash,
  }
}

function readQueryClaim({ query }: S3Request, now: number): Claim {
  if (query.get('X-Amz-Algorithm') !== ALGORITHM) throw new S3Error('AuthorizationQueryParametersError')
  const expiresSeconds = Number(query.get('X-Amz-Expires') ?? Number.NaN)
  if (!(expiresSeconds >= 1 && expiresSeconds <= EXPIRES_SECONDS_MAX)) {
    throw new S3Error(
      'AuthorizationQueryParametersError',
      'X-Amz-Expires must be between 1 and 604800 seconds',
    )
  }
  const timestamp = query.get('X-Amz-Date') ?? ''
  const signedAt = parseTimestamp(timestamp)
  if (signedAt > now + CLOCK_SKEW_MS_MAX) throw new S3Error('AccessDenied', 'Request is not valid yet')
  if (now > signedAt + expiresSeconds * 1000) throw new S3Error('AccessDenied', 'Request has expired')
  return {
    ...parseCredential(query.get('X-Amz-Credential') ?? ''),
    signedHeaders: (query.get('X-Amz-SignedHeaders') ?? '').split(';'),
    signature: query.get('X-Amz-Signature') ?? '',
    timestamp,
    // Whoever made the URL could not know the body.
    payloadHash: UNSIGNED_PAYLOAD,
  }
}

function parseCredential(credential: string): Pick<Claim, 'accessKeyId' | 'scope'> {
  const [accessKeyId = '', ...scope] = credential.split('/')
  if (scope.length !== 4 || scope[2] !== 's3' || scope[3] !== 'aws4_request') {
    throw new S3Error(
      'AuthorizationHeaderMalformed',
      'The credential is malformed or meant for another service.',
    )
  }
  return { accessKeyId, scope }
}

function parseTimestamp(timestamp: string): number {
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(timestamp)
  if (!parts) throw new S3Error('AccessDenied', 'AWS authentication requires a valid x-amz-date')
  const [, year, month, day, hour, minute, second] = parts.map(Number)
  return Date.UTC(year ?? 0, (month ?? 0) - 1, day, hour, minute, second)
}

// A header outside the signature could have been added by anyone between the signer and here.
function requireSignedHeaders(request: S3Request, { signedHeaders }: Claim): void {
  const unsigned = Object.keys(request.body.headers).filter(
    (name) => name.startsWith('x-amz-') && name !== 'x-amz-content-sha256' && !signedHeaders.includes(name),
  )
  if (unsigned.length > 0 || !signedHeaders.includes('host')) {
    throw new S3Error(
      'AccessDenied',
      `There were headers which were not signed: ${unsigned.join(', ') || 'host'}`,
    )
  }
}

function canonicalRequest(request: S3Request, claim: Claim): string {
  const path = request.rawPath
    .split('/')
    .map((segment) => encodeStrictly(decodeStrictly(segment)))
    .join('/')
  const headers = claim.signedHeaders
    .map((name) => `${name}:${canonicalHeaderValue(request, name)}\n`)
    .join('')
  return [
    request.method,
    path,
    canonicalQuery(request.query),
    headers,
    claim.signedHeaders.join(';'),
    claim.payloadHash,
  ].join('\n')
}

function canonicalHeaderValue(request: S3Request, name: string): string {
  return String(request.body.headers[name] ?? '')
    .trim()
    .replace(/ +/g, ' ')
}

function canonicalQuery(query: URLSearchParams): string {
  return [...query]
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]): [string, string] => [encodeStrictly(name), encodeStrictly(value)])
    .toSorted(([nameA, valueA], [nameB, valueB]) => compare(nameA, nameB) || compare(valueA, valueB))
    .map(([name, value]) => `${name}=${value}`)
    .join('&')
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}

function stringToSign({ timestamp, scope }: Claim, hashedRequest: string): string {
  return [ALGORITHM, timestamp, scope.join('/'), hashedRequest].join('\n')
}

function payloadOf(claim: Claim, key: Buffer): Payload {
  const { payloadHash } = claim
  if (payloadHash === UNSIGNED_PAYLOAD) return { kind: 'unsigned' }
  if (/^[0-9a-f]{64}$/.test(payloadHash)) return { kind: 'signed', sha256Hex: payloadHash }
  if (payloadHash === 'STREAMING-UNSIGNED-PAYLOAD-TRAILER') return { kind: 'aws-chunked' }
  if (/^STREAMING-AWS4-HMAC-SHA256-PAYLOAD(-TRAILER)?$/.test(payloadHash)) {
    return { kind: 'aws-chunked-signed', signatures: chunkSignatures(claim, key) }
  }
  throw new S3Error('NotImplemented', `Unsupported x-amz-content-sha256: ${payloadHash}`)
}

// Every chunk signature covers the one before, so chunks can be neither reordered nor left out.
function chunkSignatures({ timestamp, scope, signature }: Claim, key: Buffer): ChunkSignatures {
  let previous = signature
  const verifyNext = (purpose: string, hashes: string[], claimed: string): void => {
    const expected = hmacHex(key, [purpose, timestamp, scope.join('/'), previous, ...hashes].join('\n'))
    if (!equalInConstantTime(expected, claimed)) throw new S3Error('SignatureDoesNotMatch')
    previous = expected
  }
  return {
    verifyChunk: (chunkSha256Hex, claimed) =>
      verifyNext(`${ALGORITHM}-PAYLOAD`, [sha256Hex(''), chunkSha256Hex], claimed),
    verifyTrailers: (canonicalTrailers, claimed) =>
      verifyNext(`${ALGORITHM}-TRAILER`, [sha256Hex(canonicalTrailers)], claimed),
  }
}

function signingKey(credentials: Credentials, accessKeyId: string, scope: readonly string[]): Buffer {
  if (!Object.hasOwn(credentials, accessKeyId)) throw new S3Error('InvalidAccessKeyId')
  return scope.reduce<Buffer>(
    (key, part) => createHmac('sha256', key).update(part).digest(),
    Buffer.from(`AWS4${credentials[accessKeyId]}`),
  )
}

function hmacHex(key: Buffer, text: string): string {
  return createHmac('sha256', key).update(text).digest('hex')
}

function sha256Hex(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function equalInConstantTime(expected: string, actual: string): boolean {
  const [a, b] = [Buffer.from(expected), Buffer.from(actual)]
  return a.length === b.length && timingSafeEqual(a, b)
}
