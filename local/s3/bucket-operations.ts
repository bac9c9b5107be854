import { BUCKET_CONFIGURATIONS, type BucketConfiguration } from './bucket.ts'
import { parseCorsRules } from './cors.ts'
import { S3Error, type S3ErrorCode } from './errors.ts'
import {
  formatContinuationToken,
  type ListingQuery,
  type ListingStart,
  listPage,
  parseContinuationToken,
} from './listing.ts'
import type { Operation } from './operation.ts'
import { encodeKey } from './percent-encoding.ts'
import { readDocument } from './received-body.ts'
import { xmlResponse } from './s3-response.ts'
import { childElements, childText, parseXml } from './xml.ts'

const MAX_KEYS = 1000
const DELETED_KEYS_MAX = 1000

export const listBuckets: Operation = (_request, _payload, { store }) =>
  xmlResponse('ListAllMyBucketsResult', {
    Owner: { ID: 'local' },
    Buckets: {
      Bucket: store.buckets().map(({ name, record }) => ({ Name: name, CreationDate: record.createdAt })),
    },
  })

export const createBucket: Operation = async (request, payload, { store }) => {
  // Names a region at most, and there is only this one.
  await readDocument(request, payload)
  await store.createBucket(request.bucket)
  return { status: 200, headers: { location: `/${request.bucket}` } }
}

export const headBucket: Operation = ({ bucket }, _payload, { store }) => {
  store.bucket(bucket)
  return { status: 200 }
}

export const deleteBucket: Operation = async ({ bucket }, _payload, { store, uploads }) => {
  store.checkDeletable(bucket)
  await uploads.abortAll(bucket)
  await store.deleteBucket(bucket)
  return { status: 204 }
}

export const getBucketLocation: Operation = ({ bucket }, _payload, { store }) => {
  store.bucket(bucket)
  return xmlResponse('LocationConstraint', {})
}

export const getBucketVersioning: Operation = ({ bucket }, _payload, { store }) => {
  store.bucket(bucket)
  return xmlResponse('VersioningConfiguration', {})
}

export const listObjectsV2: Operation = ({ bucket: bucketName, query }, _payload, { store }) => {
  const bucket = store.bucket(bucketName)
  if (query.get('list-type') !== '2') throw new S3Error('InvalidArgument', 'list-type must be 2')
  const listing = parseListingQuery(query)
  const page = listPage(bucket.objects, listing)
  const isUrlEncoded = query.get('encoding-type') === 'url'
  const spell = (key: string | undefined) => (isUrlEncoded && key !== undefined ? encodeKey(key) : key)
  return xmlResponse('ListBucketResult', {
    Name: bucketName,
    Prefix: spell(listing.prefix),
    Delimiter: spell(listing.delimiter),
    EncodingType: isUrlEncoded ? 'url' : undefined,
    StartAfter: spell(query.get('start-after') ?? undefined),
    ContinuationToken: query.get('continuation-token') ?? undefined,
    NextContinuationToken: page.next && formatContinuationToken(page.next),
    KeyCount: page.contents.length + page.commonPrefixes.length,
    MaxKeys: listing.maxKeys,
    IsTruncated: page.next !== undefined,
    Contents: page.contents.map((object) => ({
      Key: spell(object.key),
      LastModified: object.lastModified,
      ETag: `"${object.etag}"`,
      Size: object.sizeBytes,
      StorageClass: 'STANDARD',
    })),
    CommonPrefixes: page.commonPrefixes.map((prefix) => ({ Prefix: spell(prefix) })),
  })
}

export const deleteObjects: Operation = async (request, payload, { store, notifications }) => {
  const document = parseXml(await readDocument(request, payload), 'Delete')
  const named = childElements(document, 'Object').map((object) => childText(object, 'Key'))
  const keys = named.filter((key) => key !== undefined)
  // All or nothing: a document with one mistake deletes no key.
  if (keys.length < named.length || keys.length === 0 || keys.length > DELETED_KEYS_MAX) {
    throw new S3Error('MalformedXML')
  }
  await Promise.all(
    keys.map(async (key) => {
      const removed = await store.deleteObject(request.bucket, key, { kind: 'always' })
      if (removed) notifications.announce('ObjectRemoved:Delete', request, removed)
    }),
  )
  const isQuiet = childText(document, 'Quiet') === 'true'
  return xmlResponse('DeleteResult', { Deleted: isQuiet ? [] : keys.map((key) => ({ Key: key })) })
}

/** PUT, GET and DELETE of one bucket sub-resource. */
export interface ConfigurationOperations {
  readonly put: Operation
  readonly get: Operation
  readonly delete: Operation
}

/** The operations on all sub-resources that are documents of the client's. */
export const configurationOperations = Object.fromEntries(
  BUCKET_CONFIGURATIONS.map((configuration) => [configuration, operationsOn(configuration)]),
) as Record<BucketConfiguration, ConfigurationOperations>

function operationsOn(configuration: BucketConfiguration): ConfigurationOperations {
  return {
    put: async (request, payload, { store }) => {
      const document = await readDocument(request, payload)
      checkConfiguration(configuration, document)
      await store.configureBucket(request.bucket, configuration, document)
      return { status: configuration === 'policy' ? 204 : 200 }
    },
    get: ({ bucket }, _payload, { store }) => {
      const document = store.bucket(bucket).record.configurations[configuration]
      if (document !== undefined)
        return { status: 200, headers: contentTypeOf(configuration), body: document }
      // A bucket always has a notification configuration, if only an empty one.
      if (configuration === 'notification') return xmlResponse('NotificationConfiguration', {})
      throw new S3Error(ABSENT[configuration])
    },
    delete: async ({ bucket }, _payload, { store }) => {
      await store.configureBucket(bucket, configuration, undefined)
      return { status: 204 }
    },
  }
}

const ABSENT: Record<Exclude<BucketConfiguration, 'notification'>, S3ErrorCode> = {
  cors: 'NoSuchCORSConfiguration',
  encryption: 'ServerSideEncryptionConfigurationNotFoundError',
  lifecycle: 'NoSuchLifecycleConfiguration',
  policy: 'NoSuchBucketPolicy',
  publicAccessBlock: 'NoSuchPublicAccessBlockConfiguration',
  tagging: 'NoSuchTagSet',
}

const ROOT_NAMES: Record<Exclude<BucketConfiguration, 'policy' | 'cors'>, string> = {
  encryption: 'ServerSideEncryptionConfiguration',
  lifecycle: 'LifecycleConfiguration',
  notification: 'NotificationConfiguration',
  publicAccessBlock: 'PublicAccessBlockConfiguration',
  tagging: 'Tagging',
}

function checkConfiguration(configuration: BucketConfiguration, document: string): void {
  if (configuration === 'cors') parseCorsRules(document)
  else if (configuration === 'policy') checkPolicy(document)
  else parseXml(document, ROOT_NAMES[configuration])
}

function checkPolicy(document: string): void {
  try {
    JSON.parse(document)
  } catch {
    throw new S3Error('InvalidArgument', 'Policies must be valid JSON')
  }
}

function contentTypeOf(configuration: BucketConfiguration): Record<string, string> {
  return { 'content-type': configuration === 'policy' ? 'application/json' : 'application/xml' }
}

function parseListingQuery(query: URLSearchParams): ListingQuery {
  const maxKeys = Number(query.get('max-keys') ?? MAX_KEYS)
  if (!Number.isInteger(maxKeys) || maxKeys < 0) throw new S3Error('InvalidArgument', 'max-keys is invalid')
  return {
    prefix: query.get('prefix') ?? '',
    delimiter: query.get('delimiter') || undefined,
    maxKeys: Math.min(maxKeys, MAX_KEYS),
    start: parseListingStart(query),
  }
}

function parseListingStart(query: URLSearchParams): ListingStart {
  const token = query.get('continuation-token')
  if (token !== null) return parseContinuationToken(token)
  const startAfter = query.get('start-after')
  return startAfter === null ? { kind: 'beginning' } : { kind: 'after-key', key: startAfter }
}
