import { createHash, randomUUID } from 'node:crypto'
import { mkdir, open, readdir, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { type Bucket, type BucketConfiguration, BucketRecord, checkBucketName } from './bucket.ts'
import { checkWriteCondition, type WriteCondition } from './conditions.ts'
import { type DurableFiles, readJson, readJsonDocuments } from '../durable-files.ts'
import { S3Error } from './errors.ts'
import { compareUtf8, KeyIndex } from './key-index.ts'
import { KeyedLock } from './keyed-lock.ts'
import { type ObjectDescription, ObjectRecord } from './object-record.ts'
import type { Checksum, ReceivedBody } from './received-body.ts'

/** Bytes that are on the disk, verified, and not yet part of any object. */
export interface StagedObject {
  readonly stagedPath: string
  readonly sizeBytes: number
  /** Without quotes. */
  readonly etag: string
  readonly checksum: Checksum | undefined
}

export interface OpenObject {
  readonly record: ObjectRecord
  /** The caller closes it. */
  readonly file: FileHandle
}

/**
 * Buckets and objects in a directory.
 *
 * ```
 * buckets/<bucket>/bucket.json
 * buckets/<bucket>/objects/<SHA-256 of the key>.json   the object, and which data file is its
 * buckets/<bucket>/data/<uuid>                         bytes, never changed once referred to
 * ```
 *
 * Writing or removing the JSON document is the commit. Data files are put before it and removed after it, so that
 * a crash leaves at most a data file nobody refers to, which the next start removes. Queries are answered from an
 * index in memory. One process per directory.
 */
export class DiskStore {
  readonly files: DurableFiles
  readonly #bucketsDirectory: string
  readonly #now: () => number
  readonly #buckets: Map<string, Bucket>
  readonly #locks = new KeyedLock()

  private constructor(
    files: DurableFiles,
    bucketsDirectory: string,
    now: () => number,
    buckets: Map<string, Bucket>,
  ) {
    this.files = files
    this.#bucketsDirectory = bucketsDirectory
    this.#now = now
    this.#buckets = buckets
  }

  /**
   * Reads what the directory holds and removes what an earlier process left unfinished.
   *
   * @param now Milliseconds since the epoch; dates objects and buckets.
   * @throws {Error} when a document cannot be read or misses its data file.
   */
  static async open(files: DurableFiles, directory: string, now: () => number): Promise<DiskStore> {
    const bucketsDirectory = join(directory, 'buckets')
    await mkdir(bucketsDirectory, { recursive: true })
    await files.flushDirectory(directory)
    const buckets = new Map<string, Bucket>()
    for (const entry of await readdir(bucketsDirectory, { withFileTypes: true })) {
      // A file manager may have left a file of its own.
      if (!entry.isDirectory()) continue
      buckets.set(entry.name, await recoverBucket(files, join(bucketsDirectory, entry.name)))
    }
    return new DiskStore(files, bucketsDirectory, now, buckets)
  }

  /** All buckets, by name. */
  buckets(): Bucket[] {
    return [...this.#buckets.values()].toSorted((a, b) => compareUtf8(a.name, b.name))
  }

  findBucket(name: string): Bucket | undefined {
    return this.#buckets.get(name)
  }

  /** @throws {S3Error} `NoSuchBucket` */
  bucket(name: string): Bucket {
    const bucket = this.#buckets.get(name)
    if (!bucket) throw new S3Error('NoSuchBucket')
    return bucket
  }

  /** @throws {S3Error} `InvalidBucketName`, `BucketAlreadyOwnedByYou` */
  async createBucket(name: string): Promise<void> {
    checkBucketName(name)
    await this.#locks.run(name, async () => {
      if (this.#buckets.has(name)) throw new S3Error('BucketAlreadyOwnedByYou')
      const record: BucketRecord = { name, createdAt: this.#isoNow(), configurations: {} }
      await this.files.createDirectory(this.#bucketDirectory(name), async (staged) => {
        await mkdir(join(staged, 'objects'))
        await mkdir(join(staged, 'data'))
        await this.files.writeJson(join(staged, 'bucket.json'), record)
      })
      this.#buckets.set(name, { name, record, objects: new KeyIndex(), pendingWrites: 0 })
    })
  }

  /** @throws {S3Error} `NoSuchBucket`, `BucketNotEmpty`, or `OperationAborted` while a write is under way. */
  async deleteBucket(name: string): Promise<void> {
    await this.#locks.run(name, async () => {
      this.checkDeletable(name)
      const bucket = this.bucket(name)
      this.#buckets.delete(name)
      try {
        await this.files.removeDirectory(this.#bucketDirectory(name))
      } catch (error) {
        this.#buckets.set(name, bucket)
        throw error
      }
    })
  }

  /** @throws {S3Error} `NoSuchBucket`, `BucketNotEmpty`, or `OperationAborted` while a write is under way. */
  checkDeletable(name: string): void {
    const bucket = this.bucket(name)
    if (bucket.objects.size > 0) throw new S3Error('BucketNotEmpty')
    if (bucket.pendingWrites > 0) throw new S3Error('OperationAborted')
  }

  /** Sets a bucket sub-resource, or removes it with `undefined`. @throws {S3Error} `NoSuchBucket` */
  async configureBucket(
    name: string,
    configuration: BucketConfiguration,
    document: string | undefined,
  ): Promise<void> {
    await this.#locks.run(name, async () => {
      const bucket = this.bucket(name)
      const record = structuredClone(bucket.record)
      if (document === undefined) delete record.configurations[configuration]
      else record.configurations[configuration] = document
      await this.files.writeJson(join(this.#bucketDirectory(name), 'bucket.json'), record)
      bucket.record = record
    })
  }

  /**
   * Writes a body to the disk and verifies it, leaving it out of sight.
   *
   * @throws {S3Error} whatever the body's verification throws; nothing stays behind.
   */
  async stage(body: ReceivedBody): Promise<StagedObject> {
    const stagedPath = await this.files.stage(body)
    try {
      const { sizeBytes, md5, checksum } = body.verify()
      return { stagedPath, sizeBytes, etag: md5.toString('hex'), checksum }
    } catch (error) {
      await this.files.discard(stagedPath)
      throw error
    }
  }

  /** Removes staged bytes that are not to become an object after all. */
  async discard({ stagedPath }: StagedObject): Promise<void> {
    await this.files.discard(stagedPath)
  }

  /**
   * Makes staged bytes the object of a key. Condition and write are one step: of several writers at most one finds
   * the key absent.
   *
   * @throws {S3Error} `NoSuchBucket`, `PreconditionFailed`, `NoSuchKey`; the staged bytes are gone then.
   */
  async putObject(
    bucketName: string,
    key: string,
    staged: StagedObject,
    description: ObjectDescription,
    condition: WriteCondition,
  ): Promise<ObjectRecord> {
    try {
      return await this.#write(bucketName, key, async (bucket) => {
        const previous = bucket.objects.get(key)
        checkWriteCondition(condition, previous)
        const record: ObjectRecord = {
          key,
          dataFile: randomUUID(),
          sizeBytes: staged.sizeBytes,
          etag: staged.etag,
          lastModified: this.#isoNow(),
          checksum: staged.checksum,
          description,
        }
        await this.files.commit(
          staged.stagedPath,
          this.#dataPath(bucketName, record),
          this.#documentPath(bucketName, key),
          record,
        )
        bucket.objects.set(key, record)
        if (previous) await this.files.discard(this.#dataPath(bucketName, previous))
        return record
      })
    } catch (error) {
      await this.discard(staged)
      throw error
    }
  }

  /**
   * Removes an object; removing one that is not there succeeds.
   *
   * @returns the object removed, if there was one.
   * @throws {S3Error} `NoSuchBucket`, `PreconditionFailed`
   */
  async deleteObject(
    bucketName: string,
    key: string,
    condition: WriteCondition,
  ): Promise<ObjectRecord | undefined> {
    return this.#write(bucketName, key, async (bucket) => {
      const record = bucket.objects.get(key)
      checkWriteCondition(condition, record)
      if (!record) return undefined
      // The document first: were the data to go first, a crash would leave an object without bytes.
      await this.files.removeDocument(this.#documentPath(bucketName, key))
      bucket.objects.delete(key)
      await this.files.discard(this.#dataPath(bucketName, record))
      return record
    })
  }

  /** @throws {S3Error} `NoSuchBucket`, `NoSuchKey` */
  headObject(bucketName: string, key: string): ObjectRecord {
    const record = this.bucket(bucketName).objects.get(key)
    if (!record) throw new S3Error('NoSuchKey')
    return record
  }

  /**
   * Opens an object; the bytes stay readable as they are even if it is overwritten or deleted meanwhile.
   *
   * @throws {S3Error} `NoSuchBucket`, `NoSuchKey`
   */
  async openObject(bucketName: string, key: string): Promise<OpenObject> {
    for (;;) {
      const record = this.headObject(bucketName, key)
      try {
        return { record, file: await open(this.#dataPath(bucketName, record), 'r') }
      } catch (error) {
        // Overwritten or deleted between the look-up and the opening: look again.
        if (this.bucket(bucketName).objects.get(key) === record) throw error
      }
    }
  }

  async #write<Result>(
    bucketName: string,
    key: string,
    task: (bucket: Bucket) => Promise<Result>,
  ): Promise<Result> {
    const bucket = this.bucket(bucketName)
    bucket.pendingWrites += 1
    try {
      return await this.#locks.run(`${bucketName}/${key}`, () => task(bucket))
    } finally {
      bucket.pendingWrites -= 1
    }
  }

  #isoNow(): string {
    return new Date(this.#now()).toISOString()
  }

  #bucketDirectory(bucketName: string): string {
    return join(this.#bucketsDirectory, bucketName)
  }

  #dataPath(bucketName: string, record: ObjectRecord): string {
    return join(this.#bucketDirectory(bucketName), 'data', record.dataFile)
  }

  #documentPath(bucketName: string, key: string): string {
    return join(this.#bucketDirectory(bucketName), 'objects', documentName(key))
  }
}

// Keys may be longer than file names, hold any character, and be prefixes of each other.
function documentName(key: string): string {
  return `${createHash('sha256').update(key).digest('hex')}.json`
}

async function recoverBucket(files: DurableFiles, directory: string): Promise<Bucket> {
  const record = BucketRecord.parse(await readJson(join(directory, 'bucket.json')))
  const documents = await readJsonDocuments(join(directory, 'objects'))
  const objects = documents.map(({ document }) => ObjectRecord.parse(document))
  const unreferenced = new Set(await readdir(join(directory, 'data')))
  for (const { key, dataFile } of objects) {
    if (!unreferenced.delete(dataFile))
      throw new Error(`Bytes of ${record.name}/${key} are missing: ${dataFile}`)
  }
  for (const dataFile of unreferenced) await files.discard(join(directory, 'data', dataFile))
  return {
    name: record.name,
    record,
    objects: new KeyIndex(objects.map((object) => [object.key, object])),
    pendingWrites: 0,
  }
}
