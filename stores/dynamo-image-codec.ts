import { ImageRecord } from '../core/image.ts'
import type { PagePosition } from '../core/metadata-store.ts'
import { ttlAttribute } from './dynamo-table.ts'

/** Attributes of an item as the document client gives them. */
export type Item = Record<string, unknown>

/** The sort key of every item: one item per partition. */
const onlySortKey = 'METADATA'

/**
 * The fields that decide in which indexes an image stands, and whether it expires. All the attributes that
 * follow from them are made by `placementOf`.
 */
export const placementFields: readonly (keyof ImageRecord)[] = [
  'albumId',
  'processingStatus',
  'uploadedAt',
  'expiresAt',
]

/** What a tombstone keeps: enough to tell later whose image it was, and which objects belonged to it. */
const tombstoneFields: ReadonlySet<keyof ImageRecord> = new Set([
  'id',
  'userId',
  's3Bucket',
  's3Key',
  'thumbnailKey',
  'sha256',
  'rev',
  'createdAt',
  'uploadedAt',
  'version',
])

const recordFields = Object.keys(ImageRecord.shape) as (keyof ImageRecord)[]

export function imageKey(id: string): { PK: string; SK: string } {
  return { PK: `IMAGE#${id}`, SK: onlySortKey }
}

export function intentKey(id: string): { PK: string; SK: string } {
  return { PK: `INTENT#${id}`, SK: onlySortKey }
}

/** The user id is escaped where it could pass for a separator: `a#b` with `c` is not `a` with `b#c`. */
export function idempotencyKey(userId: string, key: string): { PK: string; SK: string } {
  const user = userId.replaceAll('%', '%25').replaceAll('#', '%23')
  return { PK: `IDEMPOTENCY#${user}#${key}`, SK: onlySortKey }
}

export function userPartition(userId: string): string {
  return `USER#${userId}`
}

export function albumPartition(albumId: string): string {
  return `ALBUM#${albumId}`
}

/** The sort key of both indexes. The id makes it unique, so that a page can end between equal times. */
export function uploadedSortKey({ uploadedAt, id }: PagePosition): string {
  return `UPLOADED#${uploadedAt}#${id}`
}

/**
 * The attributes of a record beside its key: every field under its own name, but `expiresAt`, which is `ttl`.
 * Null is left out.
 */
export function attributesOf(record: ImageRecord): Item {
  const { expiresAt: _, ...fields } = record
  return withoutNulls({ ...fields, ...placementOf(record) })
}

/**
 * The attributes that follow from `placementFields`; null where there must be none. Only completed images
 * stand in the indexes, and only pending ones expire: a `ttl` left on a completed image would delete it.
 */
export function placementOf(record: ImageRecord): Item {
  const completed = record.processingStatus === 'completed'
  const sortKey = uploadedSortKey(record)
  const album = completed && record.albumId !== null ? albumPartition(record.albumId) : null
  return {
    GSI1PK: completed ? userPartition(record.userId) : null,
    GSI1SK: completed ? sortKey : null,
    GSI2PK: album,
    GSI2SK: album === null ? null : sortKey,
    [ttlAttribute]: completed ? null : record.expiresAt,
  }
}

/**
 * Reads an item back; null for a tombstone. Attributes that are no fields of a record are ignored, so that
 * others may keep notes of their own in an item.
 */
export function recordOf(item: Item): ImageRecord | null {
  if (isTombstone(item)) return null
  const fields = Object.fromEntries(recordFields.map((name) => [name, item[name] ?? null]))
  const parsed = ImageRecord.safeParse({ ...fields, expiresAt: item[ttlAttribute] ?? null })
  if (parsed.success) return parsed.data
  throw new Error(`The stored record ${String(item.PK)} is malformed`, { cause: parsed.error })
}

export function isTombstone(item: Item): boolean {
  return item.deleted === true
}

/** True for a pending record whose time is over; DynamoDB removes it within days, no reader waits for that. */
export function isExpired(item: Item, nowSeconds: number): boolean {
  const ttl = item[ttlAttribute]
  return typeof ttl === 'number' && ttl <= nowSeconds
}

/** The attributes that turn a record into a tombstone; null where one must go. */
export function tombstoneOf(record: ImageRecord, deletedAt: string): Item {
  const cleared = recordFields.filter((name) => !tombstoneFields.has(name) && name !== 'expiresAt')
  return {
    ...Object.fromEntries(cleared.map((name) => [name, null])),
    ...Object.fromEntries(Object.keys(placementOf(record)).map((name) => [name, null])),
    deleted: true,
    deletedAt,
    version: record.version + 1,
  }
}

function withoutNulls(item: Item): Item {
  return Object.fromEntries(Object.entries(item).filter(([, value]) => value !== null))
}
