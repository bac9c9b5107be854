import {
  CopyObjectCommand,
  type CopyObjectCommandInput,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  NoSuchKey,
  NotFound,
  paginateListObjectsV2,
  PutObjectCommand,
  type S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3'
import { createPresignedPost } from '@aws-sdk/s3-presigned-post'
import type { ObjectFacts, ObjectStore } from '../core/object-store.ts'

export interface S3ObjectStoreOptions {
  client: S3Client
  bucket: string
  /**
   * Signs uploads where browsers reach the bucket under another address than this process does; `client` if
   * there is none.
   */
  presignClient?: S3Client
}

/** As many as one DeleteObjects takes. */
const deleteBatchMax = 1000

/**
 * One bucket in S3, or in whatever speaks its protocol. A missing bucket and a refusal are errors; note that S3
 * answers 403 for an absent key to a caller without `s3:ListBucket`, who would never see null here.
 */
export function createS3ObjectStore(options: S3ObjectStoreOptions): ObjectStore {
  const { client, bucket, presignClient = client } = options

  return {
    bucket,

    async get(key) {
      const object = await unlessAbsent(client.send(new GetObjectCommand({ Bucket: bucket, Key: key })))
      return object && { ...factsOf(object), body: object.Body!.transformToWebStream() }
    },

    head,

    async put(key, body, { contentType, cacheControl, onlyIfAbsent = false, onlyIfEtag }) {
      const command = new PutObjectCommand({
        Bucket: bucket,
        Key: key,
        Body: body,
        ContentType: contentType,
        CacheControl: cacheControl,
        ...(onlyIfAbsent && { IfNoneMatch: '*' }),
        IfMatch: onlyIfEtag,
      })
      retryConflicts(command)
      try {
        const { ETag } = await client.send(command)
        return { kind: 'stored', etag: ETag! }
      } catch (error) {
        if (isServiceError(error, 'PreconditionFailed')) return { kind: onlyIfAbsent ? 'exists' : 'changed' }
        if (onlyIfEtag !== undefined && isServiceError(error, 'NoSuchKey')) return { kind: 'changed' }
        throw error
      }
    },

    async copy(from, to, { contentType }) {
      const replaced = contentType === undefined ? {} : await replacedMetadata(from, contentType)
      if (replaced === null) return false
      const copied = await unlessAbsent(
        client.send(
          new CopyObjectCommand({
            Bucket: bucket,
            Key: to,
            CopySource: copySource(bucket, from),
            ...replaced,
          }),
        ),
      )
      return copied !== null
    },

    async delete(keys) {
      for (let start = 0; start < keys.length; start += deleteBatchMax) {
        await deleteBatch(keys.slice(start, start + deleteBatchMax))
      }
    },

    async *list(prefix) {
      for await (const page of paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: prefix })) {
        for (const object of page.Contents ?? []) yield object.Key!
      }
    },

    async presignUpload(key, { contentType, bytesMax, expiresInSeconds }) {
      return createPresignedPost(presignClient, {
        Bucket: bucket,
        Key: key,
        // A field is a condition as well: the browser must send exactly this type.
        Fields: { 'Content-Type': contentType },
        Conditions: [['content-length-range', 1, bytesMax]],
        Expires: expiresInSeconds,
      })
    },
  }

  async function head(key: string): Promise<ObjectFacts | null> {
    const object = await unlessAbsent(client.send(new HeadObjectCommand({ Bucket: bucket, Key: key })))
    return object && factsOf(object)
  }

  /** S3 replaces all metadata or none: what is to stay has to be said again. */
  async function replacedMetadata(
    key: string,
    contentType: string,
  ): Promise<Partial<CopyObjectCommandInput> | null> {
    const facts = await head(key)
    if (facts === null) return null
    return {
      MetadataDirective: 'REPLACE',
      ContentType: contentType,
      CacheControl: facts.cacheControl ?? undefined,
      // Not the headers of one object with the bytes of the next.
      CopySourceIfMatch: facts.etag,
    }
  }

  async function deleteBatch(keys: readonly string[]): Promise<void> {
    const { Errors = [] } = await client.send(
      new DeleteObjectsCommand({
        Bucket: bucket,
        Delete: { Objects: keys.map((key) => ({ Key: key })), Quiet: true },
      }),
    )
    if (Errors.length === 0) return
    const [first] = Errors
    throw new Error(
      `${Errors.length} of ${keys.length} objects not deleted, first ${first?.Key}: ${first?.Code}`,
    )
  }
}

/** The answer, or null if there is no such object. */
async function unlessAbsent<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof NoSuchKey || error instanceof NotFound || isServiceError(error, 'NoSuchKey'))
      return null
    throw error
  }
}

/**
 * A conditional put that meets another write or delete of the same key is told 409: undecided, try again. The
 * SDK repeats what is marked retryable, with its own delays, but has no such mark for this answer.
 */
function retryConflicts(command: PutObjectCommand): void {
  command.middlewareStack.add(
    (next) => async (request) => {
      try {
        return await next(request)
      } catch (error) {
        if (isServiceError(error, 'ConditionalRequestConflict')) Object.assign(error, { $retryable: {} })
        throw error
      }
    },
    // Below the retries, above the reading of the answer, which is where the error gets its name.
    { name: 'retryConflicts', step: 'finalizeRequest', priority: 'low' },
  )
}

function isServiceError(error: unknown, name: string): error is S3ServiceException {
  return error instanceof S3ServiceException && error.name === name
}

interface ObjectHeaders {
  ContentLength?: number | undefined
  ETag?: string | undefined
  ContentType?: string | undefined
  CacheControl?: string | undefined
}

function factsOf({ ContentLength, ETag, ContentType, CacheControl }: ObjectHeaders): ObjectFacts {
  return {
    size: ContentLength!,
    etag: ETag!,
    contentType: ContentType ?? null,
    cacheControl: CacheControl ?? null,
  }
}

function copySource(bucket: string, key: string): string {
  return `${bucket}/${key.split('/').map(encodeURIComponent).join('/')}`
}
