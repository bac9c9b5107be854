import { createHash } from 'node:crypto'
import { decodeAwsChunked } from './aws-chunked.ts'
import {
  CHECKSUM_ALGORITHMS,
  type ChecksumAlgorithm,
  checksumHeader,
  createChecksum,
  parseChecksumAlgorithm,
} from './checksums.ts'
import { S3Error } from './errors.ts'
import type { S3Request } from './s3-request.ts'
import type { Payload } from './signature.ts'

/** A checksum in Base64; of a multipart object it may be composed: the checksum of part checksums, `-`, count. */
export interface Checksum {
  readonly algorithm: ChecksumAlgorithm
  readonly value: string
}

/** What is known about a body once all of it went by. */
export interface BodyDigest {
  readonly sizeBytes: number
  readonly md5: Buffer
  readonly checksum: Checksum | undefined
}

/** The content of a body, and its digest after the content has been read to the end. */
export interface ReceivedBody extends AsyncIterable<Buffer> {
  /**
   * Compares the content with everything the client said about it.
   *
   * @throws {S3Error} `BadDigest`, `InvalidDigest`, `XAmzContentSHA256Mismatch`, `IncompleteBody`.
   */
  verify(): BodyDigest
}

const BODY_BYTES_MAX = 5 * 2 ** 30
const DOCUMENT_BYTES_MAX = 2 * 2 ** 20

/** Prepares reading the body of a request: decoded from `aws-chunked`, limited to 5 GiB, digested on the way. */
export function receiveBody(request: S3Request, payload: Payload): ReceivedBody {
  // By default, leaving the loop would destroy the socket, and with it the answer that says what was wrong.
  const source = request.body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>
  const trailers = new Map<string, string>()
  const content = decode(source, payload, trailers)
  return digestBody(content, {
    fields: request.headers,
    trailers,
    sha256Hex: payload.kind === 'signed' ? payload.sha256Hex : undefined,
    bytesMax: BODY_BYTES_MAX,
  })
}

/**
 * Prepares reading the file of a browser form.
 *
 * @param fields The form's fields, by lower-case name; they may carry checksums as headers do.
 */
export function receiveFile(
  file: AsyncIterable<Buffer>,
  fields: ReadonlyMap<string, string>,
  bytesMax: number,
): ReceivedBody {
  return digestBody(file, { fields, trailers: new Map(), sha256Hex: undefined, bytesMax })
}

/** Digests content of our own, for example of a copy, with at most one checksum. */
export function digestContent(
  content: AsyncIterable<Buffer>,
  algorithm: ChecksumAlgorithm | undefined,
): ReceivedBody {
  const fields = new Map(algorithm && [['x-amz-sdk-checksum-algorithm', algorithm]])
  return digestBody(content, { fields, trailers: new Map(), sha256Hex: undefined, bytesMax: Infinity })
}

/**
 * Reads the small text body of a request, for example an XML document, into memory and verifies it.
 *
 * @throws {S3Error} `MaxMessageLengthExceeded` over 2 MiB, and whatever `verify` throws.
 */
export async function readDocument(request: S3Request, payload: Payload): Promise<string> {
  const body = receiveBody(request, payload)
  const chunks: Buffer[] = []
  let sizeBytes = 0
  for await (const chunk of body) {
    sizeBytes += chunk.length
    if (sizeBytes > DOCUMENT_BYTES_MAX) throw new S3Error('MaxMessageLengthExceeded')
    chunks.push(chunk)
  }
  body.verify()
  return Buffer.concat(chunks).toString('utf8')
}

function decode(
  source: AsyncIterable<Buffer>,
  payload: Payload,
  trailers: Map<string, string>,
): AsyncIterable<Buffer> {
  switch (payload.kind) {
    case 'aws-chunked':
      return decodeAwsChunked(source, trailers)
    case 'aws-chunked-signed':
      return decodeAwsChunked(source, trailers, payload.signatures)
    default:
      return source
  }
}

interface Expectations {
  readonly fields: ReadonlyMap<string, string>
  readonly trailers: ReadonlyMap<string, string>
  readonly sha256Hex: string | undefined
  readonly bytesMax: number
}

function digestBody(content: AsyncIterable<Buffer>, expected: Expectations): ReceivedBody {
  const algorithm = announcedAlgorithm(expected.fields)
  const checksum = algorithm && createChecksum(algorithm)
  const sha256 = expected.sha256Hex === undefined ? undefined : createHash('sha256')
  const md5 = createHash('md5')
  let sizeBytes = 0
  return {
    async *[Symbol.asyncIterator]() {
      for await (const chunk of content) {
        sizeBytes += chunk.length
        if (sizeBytes > expected.bytesMax) throw new S3Error('EntityTooLarge')
        md5.update(chunk)
        sha256?.update(chunk)
        checksum?.update(chunk)
        yield chunk
      }
    },
    verify() {
      const digest: BodyDigest = {
        sizeBytes,
        md5: md5.digest(),
        checksum: checksum && algorithm && { algorithm, value: checksum.digest().toString('base64') },
      }
      verifySize(digest, expected)
      verifyMd5(digest, expected)
      verifyChecksum(digest, expected)
      if (sha256 && sha256.digest('hex') !== expected.sha256Hex)
        throw new S3Error('XAmzContentSHA256Mismatch')
      return digest
    },
  }
}

function announcedAlgorithm(fields: ReadonlyMap<string, string>): ChecksumAlgorithm | undefined {
  const trailerNames = (fields.get('x-amz-trailer') ?? '').toLowerCase().split(/\s*,\s*/)
  return (
    CHECKSUM_ALGORITHMS.find(
      (name) => fields.has(checksumHeader(name)) || trailerNames.includes(checksumHeader(name)),
    ) ?? parseChecksumAlgorithm(fields.get('x-amz-sdk-checksum-algorithm'))
  )
}

function verifySize({ sizeBytes }: BodyDigest, { fields }: Expectations): void {
  const announced = fields.get('x-amz-decoded-content-length')
  if (announced !== undefined && Number(announced) !== sizeBytes) throw new S3Error('IncompleteBody')
}

function verifyMd5({ md5 }: BodyDigest, { fields }: Expectations): void {
  const announced = fields.get('content-md5')
  if (announced === undefined) return
  if (Buffer.from(announced, 'base64').length !== md5.length) throw new S3Error('InvalidDigest')
  if (announced !== md5.toString('base64')) throw new S3Error('BadDigest')
}

function verifyChecksum({ checksum }: BodyDigest, { fields, trailers }: Expectations): void {
  if (!checksum) return
  const header = checksumHeader(checksum.algorithm)
  const announced = fields.get(header) ?? trailers.get(header)
  if (announced !== undefined && announced !== checksum.value) {
    throw new S3Error('BadDigest', `The ${checksum.algorithm} you specified did not match what we received.`)
  }
}
