import { createHash, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { CHECKSUM_ALGORITHMS, type ChecksumAlgorithm, createChecksum } from './checksums.ts'
import type { WriteCondition } from './conditions.ts'
import type { DiskStore, StagedObject } from './disk-store.ts'
import { readJson, readJsonDocuments } from '../durable-files.ts'
import { S3Error } from './errors.ts'
import { compareUtf8 } from './key-index.ts'
import { KeyedLock } from './keyed-lock.ts'
import { ObjectDescription, type ObjectRecord, StoredChecksum } from './object-record.ts'
import { type Checksum, digestContent } from './received-body.ts'

/** All parts but the last must have this size at least. */
export const PART_BYTES_MIN = 5 * 2 ** 20
const PART_NUMBER_MAX = 10_000
const UPLOAD_DOCUMENT = 'upload.json'

/** A multipart upload as its document describes it. */
export const UploadRecord = z.object({
  uploadId: z.string(),
  bucket: z.string(),
  key: z.string(),
  /** ISO 8601. */
  initiatedAt: z.string(),
  /** The checksum the object is to have, and whether it covers the bytes or the checksums of the parts. */
  checksum: z
    .object({ algorithm: z.enum(CHECKSUM_ALGORITHMS), type: z.enum(['COMPOSITE', 'FULL_OBJECT']) })
    .optional(),
  description: ObjectDescription,
})
export type UploadRecord = z.infer<typeof UploadRecord>

/** An uploaded part as its document describes it. */
export const PartRecord = z.object({
  partNumber: z.number(),
  dataFile: z.string(),
  sizeBytes: z.number(),
  /** Without quotes: the MD5 of the part, in hexadecimal. */
  etag: z.string(),
  /** ISO 8601. */
  lastModified: z.string(),
  checksum: StoredChecksum.optional(),
})
export type PartRecord = z.infer<typeof PartRecord>

/** A part as the client names it when it completes the upload. */
export interface PartClaim {
  readonly partNumber: number
  /** Without quotes. */
  readonly etag: string
  /** In Base64, by algorithm. */
  readonly checksums: Partial<Record<ChecksumAlgorithm, string>>
}

interface Upload {
  readonly record: UploadRecord
  readonly parts: Map<number, PartRecord>
}

/**
 * Multipart uploads in progress, in a directory.
 *
 * ```
 * uploads/<upload id>/upload.json
 * uploads/<upload id>/<part number>.json   the part, and which data file is its
 * uploads/<upload id>/<uuid>.part          bytes
 * ```
 *
 * An upload is removed only after the object it made has been committed, so that a client which never heard of the
 * completion can ask for it again.
 */
export class MultipartUploads {
  readonly #store: DiskStore
  readonly #directory: string
  readonly #now: () => number
  readonly #uploads: Map<string, Upload>
  readonly #locks = new KeyedLock()

  private constructor(store: DiskStore, directory: string, now: () => number, uploads: Map<string, Upload>) {
    this.#store = store
    this.#directory = directory
    this.#now = now
    this.#uploads = uploads
  }

  /**
   * Reads the uploads an earlier process left in progress.
   *
   * @param now Milliseconds since the epoch; dates uploads and parts.
   */
  static async open(store: DiskStore, directory: string, now: () => number): Promise<MultipartUploads> {
    const uploadsDirectory = join(directory, 'uploads')
    await mkdir(uploadsDirectory, { recursive: true })
    await store.files.flushDirectory(directory)
    const uploads = new Map<string, Upload>()
    for (const uploadId of await readdir(uploadsDirectory)) {
      uploads.set(uploadId, await recoverUpload(store, join(uploadsDirectory, uploadId)))
    }
    return new MultipartUploads(store, uploadsDirectory, now, uploads)
  }

  /** @returns the upload id. @throws {S3Error} `NoSuchBucket` */
  async create(
    bucket: string,
    key: string,
    description: ObjectDescription,
    checksum: UploadRecord['checksum'],
  ): Promise<UploadRecord> {
    this.#store.bucket(bucket)
    const uploadId = randomUUID()
    const initiatedAt = new Date(this.#now()).toISOString()
    const record: UploadRecord = { uploadId, bucket, key, initiatedAt, checksum, description }
    await this.#store.files.createDirectory(join(this.#directory, uploadId), (staged) =>
      this.#store.files.writeJson(join(staged, UPLOAD_DOCUMENT), record),
    )
    this.#uploads.set(uploadId, { record, parts: new Map() })
    return record
  }

  /** Uploads of a bucket in progress, by key and then by age. */
  list(bucket: string, prefix: string): UploadRecord[] {
    return [...this.#uploads.values()]
      .map(({ record }) => record)
      .filter((record) => record.bucket === bucket && record.key.startsWith(prefix))
      .toSorted((a, b) => compareUtf8(a.key, b.key) || compareUtf8(a.initiatedAt, b.initiatedAt))
  }

  /** @throws {S3Error} `NoSuchUpload` */
  find(bucket: string, key: string, uploadId: string): UploadRecord {
    return this.#upload(bucket, key, uploadId).record
  }

  /** The parts so far, by number. @throws {S3Error} `NoSuchUpload` */
  parts(bucket: string, key: string, uploadId: string): PartRecord[] {
    return [...this.#upload(bucket, key, uploadId).parts.values()].toSorted(
      (a, b) => a.partNumber - b.partNumber,
    )
  }

  /**
   * Adds a staged part, or replaces the one of that number.
   *
   * @throws {S3Error} `NoSuchUpload`, `InvalidArgument`; the staged bytes are gone then.
   */
  async putPart(
    bucket: string,
    key: string,
    uploadId: string,
    partNumber: number,
    staged: StagedObject,
  ): Promise<PartRecord> {
    try {
      checkPartNumber(partNumber)
      return await this.#locks.run(uploadId, async () => {
        const { parts } = this.#upload(bucket, key, uploadId)
        const previous = parts.get(partNumber)
        const part: PartRecord = {
          partNumber,
          dataFile: `${randomUUID()}.part`,
          sizeBytes: staged.sizeBytes,
          etag: staged.etag,
          lastModified: new Date(this.#now()).toISOString(),
          checksum: staged.checksum,
        }
        const directory = join(this.#directory, uploadId)
        await this.#store.files.commit(
          staged.stagedPath,
          join(directory, part.dataFile),
          join(directory, `${partNumber}.json`),
          part,
        )
        parts.set(partNumber, part)
        if (previous) await this.#store.files.discard(join(directory, previous.dataFile))
        return part
      })
    } catch (error) {
      await this.#store.discard(staged)
      throw error
    }
  }

  /**
   * Makes the claimed parts one object and ends the upload.
   *
   * @throws {S3Error} `NoSuchUpload`, `InvalidPart`, `InvalidPartOrder`, `EntityTooSmall`, and what storing an
   *   object throws; the upload goes on then.
   */
  async complete(
    bucket: string,
    key: string,
    uploadId: string,
    claims: readonly PartClaim[],
    condition: WriteCondition,
  ): Promise<ObjectRecord> {
    return this.#locks.run(uploadId, async () => {
      const upload = this.#upload(bucket, key, uploadId)
      const parts = claimedParts(upload, claims)
      const staged = await this.#join(upload.record, parts)
      const object = await this.#store.putObject(bucket, key, staged, upload.record.description, condition)
      await this.#remove(uploadId)
      return object
    })
  }

  /** @throws {S3Error} `NoSuchUpload` */
  async abort(bucket: string, key: string, uploadId: string): Promise<void> {
    await this.#locks.run(uploadId, async () => {
      this.#upload(bucket, key, uploadId)
      await this.#remove(uploadId)
    })
  }

  /** Ends all uploads into a bucket that is about to go. */
  async abortAll(bucket: string): Promise<void> {
    for (const { key, uploadId } of this.list(bucket, '')) await this.abort(bucket, key, uploadId)
  }

  #upload(bucket: string, key: string, uploadId: string): Upload {
    const upload = this.#uploads.get(uploadId)
    if (upload?.record.bucket !== bucket || upload.record.key !== key) throw new S3Error('NoSuchUpload')
    return upload
  }

  async #join(record: UploadRecord, parts: readonly PartRecord[]): Promise<StagedObject> {
    const paths = parts.map((part) => join(this.#directory, record.uploadId, part.dataFile))
    const covered = record.checksum?.type === 'FULL_OBJECT' ? record.checksum.algorithm : undefined
    const joined = await this.#store.stage(digestContent(concatenate(paths), covered))
    return {
      ...joined,
      etag: compositeEtag(parts),
      checksum: joined.checksum ?? compositeChecksum(record, parts),
    }
  }

  async #remove(uploadId: string): Promise<void> {
    await this.#store.files.removeDirectory(join(this.#directory, uploadId))
    this.#uploads.delete(uploadId)
  }
}

function checkPartNumber(partNumber: number): void {
  if (!Number.isInteger(partNumber) || partNumber < 1 || partNumber > PART_NUMBER_MAX) {
    throw new S3Error('InvalidArgument', `Part number must be an integer between 1 and ${PART_NUMBER_MAX}`)
  }
}

function claimedParts({ parts }: Upload, claims: readonly PartClaim[]): PartRecord[] {
  const claimed = claims.map((claim, at) => {
    if (at > 0 && claim.partNumber <= (claims[at - 1]?.partNumber ?? 0)) throw new S3Error('InvalidPartOrder')
    const part = parts.get(claim.partNumber)
    if (part?.etag !== claim.etag || !agrees(claim, part.checksum)) throw new S3Error('InvalidPart')
    return part
  })
  if (claimed.length === 0) throw new S3Error('MalformedXML')
  if (claimed.slice(0, -1).some((part) => part.sizeBytes < PART_BYTES_MIN))
    throw new S3Error('EntityTooSmall')
  return claimed
}

function agrees({ checksums }: PartClaim, stored: Checksum | undefined): boolean {
  const claimed = stored && checksums[stored.algorithm]
  return claimed === undefined || claimed === stored?.value
}

async function* concatenate(paths: readonly string[]): AsyncGenerator<Buffer> {
  for (const path of paths) yield* createReadStream(path) as AsyncIterable<Buffer>
}

// Not the MD5 of the object, but of its parts' MD5s, and how many they were.
function compositeEtag(parts: readonly PartRecord[]): string {
  const md5 = createHash('md5')
  for (const { etag } of parts) md5.update(Buffer.from(etag, 'hex'))
  return `${md5.digest('hex')}-${parts.length}`
}

function compositeChecksum({ checksum }: UploadRecord, parts: readonly PartRecord[]): Checksum | undefined {
  if (!checksum) return undefined
  const running = createChecksum(checksum.algorithm)
  for (const part of parts) {
    // A part that came with another checksum, or none, leaves nothing to compose.
    if (part.checksum?.algorithm !== checksum.algorithm) return undefined
    running.update(Buffer.from(part.checksum.value, 'base64'))
  }
  return { algorithm: checksum.algorithm, value: `${running.digest().toString('base64')}-${parts.length}` }
}

async function recoverUpload({ files }: DiskStore, directory: string): Promise<Upload> {
  const record = UploadRecord.parse(await readJson(join(directory, UPLOAD_DOCUMENT)))
  const documents = await readJsonDocuments(directory)
  const parts = documents
    .filter(({ fileName }) => fileName !== UPLOAD_DOCUMENT)
    .map(({ document }) => PartRecord.parse(document))
  const unreferenced = new Set((await readdir(directory)).filter((name) => name.endsWith('.part')))
  for (const { partNumber, dataFile } of parts) {
    if (!unreferenced.delete(dataFile))
      throw new Error(`Bytes of part ${partNumber} are missing: ${directory}`)
  }
  for (const dataFile of unreferenced) await files.discard(join(directory, dataFile))
  return { record, parts: new Map(parts.map((part) => [part.partNumber, part])) }
}
