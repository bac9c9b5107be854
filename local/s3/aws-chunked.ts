import { createHash, type Hash } from 'node:crypto'
import { S3Error } from './errors.ts'

/** Checks the signatures inside a signed `aws-chunked` body, which must be presented in order. */
export interface ChunkSignatures {
  /** @throws {S3Error} `SignatureDoesNotMatch` */
  verifyChunk(chunkSha256Hex: string, claimed: string): void
  /** @throws {S3Error} `SignatureDoesNotMatch` */
  verifyTrailers(canonicalTrailers: string, claimed: string): void
}

const LINE_BYTES_MAX = 8 * 1024
const CRLF = '\r\n'

/**
 * Takes an `aws-chunked` body apart: yields the content and puts the trailer fields, by lower-case name, into
 * `trailers` once the content has ended.
 *
 * ```
 * size[;chunk-signature=hex] CRLF bytes CRLF ... 0[;chunk-signature=hex] CRLF (name:value CRLF)* CRLF
 * ```
 *
 * @throws {S3Error} `IncompleteBody` when the body ends early or is malformed, `SignatureDoesNotMatch`.
 */
export async function* decodeAwsChunked(
  source: AsyncIterable<Buffer>,
  trailers: Map<string, string>,
  signatures?: ChunkSignatures,
): AsyncGenerator<Buffer, void, undefined> {
  const input = new ByteReader(source)
  try {
    let sizeBytes: number
    do sizeBytes = yield* decodeChunk(input, signatures)
    while (sizeBytes > 0)
    await readTrailers(input, trailers)
    if (signatures && trailers.size > 0) verifyTrailers(trailers, signatures)
  } finally {
    await input.close()
  }
}

async function* decodeChunk(
  input: ByteReader,
  signatures: ChunkSignatures | undefined,
): AsyncGenerator<Buffer, number, undefined> {
  const { sizeBytes, signature } = parseChunkHeader(await input.readLine())
  const hash = signatures && createHash('sha256')
  yield* readContent(input, sizeBytes, hash)
  if (hash) signatures.verifyChunk(hash.digest('hex'), signature)
  // The last chunk is empty and followed by the trailers at once.
  if (sizeBytes > 0 && (await input.readLine()) !== '') throw new S3Error('IncompleteBody')
  return sizeBytes
}

function parseChunkHeader(line: string): { sizeBytes: number; signature: string } {
  const [, size = '', signature = ''] =
    /^([0-9a-f]{1,8})(?:;chunk-signature=([0-9a-f]{64}))?$/i.exec(line) ?? []
  if (size === '') throw new S3Error('IncompleteBody')
  return { sizeBytes: Number.parseInt(size, 16), signature }
}

async function* readContent(
  input: ByteReader,
  sizeBytes: number,
  hash: Hash | undefined,
): AsyncGenerator<Buffer, void, undefined> {
  for (let left = sizeBytes; left > 0;) {
    const bytes = await input.readUpTo(left)
    left -= bytes.length
    hash?.update(bytes)
    yield bytes
  }
}

async function readTrailers(input: ByteReader, trailers: Map<string, string>): Promise<void> {
  for (let line = await input.readLine(); line !== ''; line = await input.readLine()) {
    const colon = line.indexOf(':')
    if (colon < 1) throw new S3Error('IncompleteBody')
    trailers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim())
  }
}

function verifyTrailers(trailers: Map<string, string>, signatures: ChunkSignatures): void {
  const claimed = trailers.get('x-amz-trailer-signature') ?? ''
  trailers.delete('x-amz-trailer-signature')
  const canonical = [...trailers].map(([name, value]) => `${name}:${value}\n`).join('')
  signatures.verifyTrailers(canonical, claimed)
}

/** Reads lines and counted bytes off a stream of buffers without copying the content. */
class ByteReader {
  readonly #source: AsyncIterator<Buffer>
  #buffered: Buffer = Buffer.alloc(0)

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]()
  }

  async readUpTo(bytesMax: number): Promise<Buffer> {
    if (this.#buffered.length === 0) this.#buffered = await this.#next()
    const bytes = this.#buffered.subarray(0, bytesMax)
    this.#buffered = this.#buffered.subarray(bytes.length)
    return bytes
  }

  async readLine(): Promise<string> {
    for (;;) {
      const end = this.#buffered.indexOf(CRLF)
      if (end >= 0) {
        const line = this.#buffered.toString('utf8', 0, end)
        this.#buffered = this.#buffered.subarray(end + CRLF.length)
        return line
      }
      if (this.#buffered.length > LINE_BYTES_MAX) throw new S3Error('IncompleteBody')
      this.#buffered = Buffer.concat([this.#buffered, await this.#next()])
    }
  }

  async close(): Promise<void> {
    await this.#source.return?.()
  }

  async #next(): Promise<Buffer> {
    for (;;) {
      const { done, value } = await this.#source.next()
      if (done) throw new S3Error('IncompleteBody')
      if (value.length > 0) return value
    }
  }
}
