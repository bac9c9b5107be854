import { randomUUID } from 'node:crypto'
import {
  type AttributeValue,
  ConditionalCheckFailedException,
  type DynamoDBClient,
} from '@aws-sdk/client-dynamodb'
import {
  DeleteCommand,
  DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb'
import * as z from 'zod'
import type { ImageRecord } from '../core/image.ts'
import type {
  ChangeOutcome,
  IdempotencyClaim,
  Intent,
  ListPage,
  ListQuery,
  MetadataStore,
  PagePosition,
} from '../core/metadata-store.ts'
import {
  albumPartition,
  attributesOf,
  idempotencyKey,
  imageKey,
  intentKey,
  isExpired,
  isTombstone,
  type Item,
  placementFields,
  placementOf,
  recordOf,
  tombstoneOf,
  uploadedSortKey,
  userPartition,
} from './dynamo-image-codec.ts'
import { albumIndex, ttlAttribute, userIndex } from './dynamo-table.ts'

export interface DynamoMetadataStoreOptions {
  client: DynamoDBClient
  /** Must exist, as `ensureTable` makes it. */
  table: string
  /** Milliseconds since 1970. */
  now?: () => number
}

/** Items that one Query looks at where a filter may drop most of them. */
const filteredPageSize = 100

/** Partitions that the intents are spread over: one alone would take 1,000 writes per second at most. */
const intentShards = 8

/** A sort key ends at 1,024 bytes, an id needn't; equal beginnings are no harm, an index key may occur twice. */
const sortedIdLengthMax = 200

const StoredIntent = z.object({ id: z.string(), dueAt: z.string() })
const StoredClaim = z.object({
  userId: z.string(),
  key: z.string(),
  fingerprint: z.string(),
  imageId: z.string(),
  [ttlAttribute]: z.number().int(),
})

interface Key {
  PK: string
  SK: string
}

type Refusal = Exclude<ChangeOutcome, { kind: 'changed' }>

/**
 * The image records in a DynamoDB table, laid out as `dynamo-image-codec.ts` has it.
 *
 * Every change is one conditional write. Where the SDK repeats a write whose answer was lost, the condition
 * fails on the store's own work; a mark in the item, `writeId`, tells that from someone else's.
 *
 * Lists and due intents come from indexes, which lag behind by some milliseconds. `get` reads the item itself.
 */
export function createDynamoMetadataStore(options: DynamoMetadataStoreOptions): MetadataStore {
  const { client, table, now = Date.now } = options
  const documents = DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } })

  return {
    async get(id, { consistent = false } = {}) {
      const item = await read(imageKey(id), consistent)
      return item === null || isExpired(item, nowSeconds()) ? null : recordOf(item)
    },

    list,

    async create(record) {
      const writeId = randomUUID()
      const other = await putIfFree(imageKey(record.id), { ...attributesOf(record), writeId })
      return other === null || other.writeId === writeId ? 'created' : 'exists'
    },

    async update(id, change, expectedVersion) {
      const changed = definedMembers(change)
      const { expiresAt: _, ...fields } = changed
      let attributes: Item = fields
      if (placementFields.some((field) => field in changed)) {
        // Index keys are made of fields that the change may not name, such as the owner. A version stands for
        // one content: what is read here is true for as long as the condition of the write is.
        const before = await readVersion(id, expectedVersion)
        if (before.kind !== 'current') return before
        attributes = { ...attributes, ...placementOf({ ...before.record, ...changed } as ImageRecord) }
      }
      const written = await write(id, attributes, expectedVersion)
      return written.kind === 'written' ? { kind: 'changed', record: liveRecordOf(written.item) } : written
    },

    async delete(id, expectedVersion) {
      const before = await readVersion(id, expectedVersion)
      if (before.kind !== 'current') return before
      const tombstone = tombstoneOf(before.record, new Date(now()).toISOString())
      const written = await write(id, tombstone, expectedVersion)
      return written.kind === 'written' ? { kind: 'changed', record: before.record } : written
    },

    async discardPending(id) {
      try {
        await documents.send(
          new DeleteCommand({
            TableName: table,
            Key: imageKey(id),
            ConditionExpression: 'processingStatus = :pending',
            ExpressionAttributeValues: { ':pending': 'pending' },
          }),
        )
      } catch (error) {
        if (!(error instanceof ConditionalCheckFailedException)) throw error
      }
    },

    async openIntent({ id, dueAt }) {
      // A note that is open already gets the new time, also a later one: when due, the objects are brought in
      // line with the record, and that must not happen amid the work that begins now.
      await documents.send(
        new PutCommand({
          TableName: table,
          Item: {
            ...intentKey(id),
            id,
            dueAt,
            GSI1PK: intentPartition(shardOf(id)),
            GSI1SK: `${dueAt}#${id.slice(0, sortedIdLengthMax)}`,
          },
        }),
      )
    },

    async closeIntent(id) {
      await documents.send(new DeleteCommand({ TableName: table, Key: intentKey(id) }))
    },

    async dueIntents(time, limit) {
      const shards = Array.from({ length: intentShards }, (_, shard) => dueInShard(shard, time, limit))
      const due = (await Promise.all(shards)).flat()
      return due.toSorted(oldestFirst).slice(0, limit)
    },

    async claimIdempotencyKey(claim) {
      const { expiresAt, ...fields } = claim
      const key = idempotencyKey(claim.userId, claim.key)
      const first = await putIfFree(key, { ...fields, [ttlAttribute]: expiresAt })
      return first === null ? claim : claimOf(first)
    },
  }

  function nowSeconds(): number {
    return Math.floor(now() / 1000)
  }

  async function read(key: Key, consistent: boolean): Promise<Item | null> {
    const { Item } = await documents.send(
      new GetCommand({ TableName: table, Key: key, ConsistentRead: consistent }),
    )
    return Item ?? null
  }

  async function readVersion(
    id: string,
    version: number,
  ): Promise<{ kind: 'current'; record: ImageRecord } | Refusal> {
    const item = await read(imageKey(id), true)
    const record = item === null || isExpired(item, nowSeconds()) ? null : recordOf(item)
    if (record === null) return { kind: 'missing' }
    if (record.version !== version) return { kind: 'stale', currentVersion: record.version }
    return { kind: 'current', record }
  }

  /** Sets these attributes of an image at a version, removes those that are null, and raises the version. */
  async function write(
    id: string,
    attributes: Item,
    expectedVersion: number,
  ): Promise<{ kind: 'written'; item: Item } | Refusal> {
    const key = imageKey(id)
    const writeId = randomUUID()
    const change = updateOf({ ...attributes, version: expectedVersion + 1, writeId })
    try {
      const { Attributes } = await documents.send(
        new UpdateCommand({
          TableName: table,
          Key: key,
          UpdateExpression: change.expression,
          ConditionExpression:
            '#version = :expected AND attribute_not_exists(#deleted) AND (attribute_not_exists(#ttl) OR #ttl > :now)',
          ExpressionAttributeNames: {
            ...change.names,
            '#version': 'version',
            '#deleted': 'deleted',
            '#ttl': ttlAttribute,
          },
          ExpressionAttributeValues: { ...change.values, ':expected': expectedVersion, ':now': nowSeconds() },
          ReturnValues: 'ALL_NEW',
          ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        }),
      )
      return { kind: 'written', item: Attributes! }
    } catch (error) {
      const found = await itemThatFailed(error, key)
      if (found?.writeId === writeId) return { kind: 'written', item: (await read(key, true))! }
      if (found === null || isTombstone(found) || isExpired(found, nowSeconds())) return { kind: 'missing' }
      return { kind: 'stale', currentVersion: Number(found.version) }
    }
  }

  /** Puts an item where there is none, or one that has expired; otherwise gives the one that is there. */
  async function putIfFree(key: Key, attributes: Item): Promise<Item | null> {
    try {
      await documents.send(
        new PutCommand({
          TableName: table,
          Item: { ...key, ...attributes },
          ConditionExpression: 'attribute_not_exists(PK) OR #ttl <= :now',
          ExpressionAttributeNames: { '#ttl': ttlAttribute },
          ExpressionAttributeValues: { ':now': nowSeconds() },
          ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        }),
      )
      return null
    } catch (error) {
      const found = await itemThatFailed(error, key)
      // Removed between the write and the read: the place is free now.
      return found ?? putIfFree(key, attributes)
    }
  }

  /**
   * The item that a condition failed on, or null where there is none; rethrows every other error. DynamoDB
   * sends the item along, some stand-ins for it don't.
   */
  async function itemThatFailed(error: unknown, key: Key): Promise<Item | null> {
    if (!(error instanceof ConditionalCheckFailedException)) throw error
    return error.Item === undefined ? read(key, true) : scalarsOf(error.Item)
  }

  /**
   * `next` is exact: it is there if and only if one more image passed the filter when the page was read. A
   * filter is applied in DynamoDB, but after reading: a rare tag in a long list costs reading the list.
   */
  async function list({ by, limit, order, after, filter = {} }: ListQuery): Promise<ListPage> {
    const index = indexOf(by)
    const tests = testsOf(filter)
    const images: ImageRecord[] = []
    let start = after === null ? undefined : startKeyOf(after, index)
    do {
      const { Items, LastEvaluatedKey } = await documents.send(
        new QueryCommand({
          TableName: table,
          IndexName: index.name,
          KeyConditionExpression: '#partition = :partition',
          ...(tests.expression && { FilterExpression: tests.expression }),
          ExpressionAttributeNames: { ...tests.names, '#partition': index.partitionKey },
          ExpressionAttributeValues: { ...tests.values, ':partition': index.partition },
          ScanIndexForward: order === 'oldest-first',
          // One image more than the page holds tells whether there is a next page.
          Limit: tests.expression ? filteredPageSize : limit + 1 - images.length,
          ExclusiveStartKey: start,
        }),
      )
      images.push(...(Items ?? []).map(liveRecordOf))
      start = LastEvaluatedKey
    } while (images.length <= limit && start !== undefined)

    const page = images.slice(0, limit)
    const last = page.at(-1)
    const next = images.length > limit && last !== undefined ? last : null
    return { images: page, next: next && { uploadedAt: next.uploadedAt, id: next.id } }
  }

  async function dueInShard(shard: number, time: string, limit: number): Promise<Intent[]> {
    const intents: Intent[] = []
    let start: Item | undefined
    do {
      const { Items, LastEvaluatedKey } = await documents.send(
        new QueryCommand({
          TableName: table,
          IndexName: userIndex,
          KeyConditionExpression: 'GSI1PK = :shard AND GSI1SK < :end',
          // `$` is the character after `#`: all that is due at the time itself, whichever id, comes before.
          ExpressionAttributeValues: { ':shard': intentPartition(shard), ':end': `${time}$` },
          Limit: limit - intents.length,
          ExclusiveStartKey: start,
        }),
      )
      intents.push(...(Items ?? []).map((item) => StoredIntent.parse(item)))
      start = LastEvaluatedKey
    } while (intents.length < limit && start !== undefined)
    return intents
  }
}

interface Expression {
  expression: string
  names: Record<string, string>
  values: Item
}

/** SET for what has a value, REMOVE for what is null. */
function updateOf(attributes: Item): Expression {
  const names = Object.keys(attributes)
  const set = names.filter((name) => attributes[name] !== null)
  const removed = names.filter((name) => attributes[name] === null)
  const clauses = [`SET ${set.map((name) => `#${name} = :${name}`).join(', ')}`]
  if (removed.length > 0) clauses.push(`REMOVE ${removed.map((name) => `#${name}`).join(', ')}`)
  return {
    expression: clauses.join(' '),
    names: Object.fromEntries(names.map((name) => [`#${name}`, name])),
    values: Object.fromEntries(set.map((name) => [`:${name}`, attributes[name]])),
  }
}

/** The filter as an expression, empty where there is nothing to test. */
function testsOf({ tag, ...equals }: NonNullable<ListQuery['filter']>): Expression {
  const fields = Object.entries(definedMembers(equals))
  const tests = fields.map(([name]) => `#${name} = :${name}`)
  const names = Object.fromEntries(fields.map(([name]) => [`#${name}`, name]))
  const values: Item = Object.fromEntries(fields.map(([name, value]) => [`:${name}`, value]))
  if (tag !== undefined) {
    tests.push('contains(#tags, :tag)')
    names['#tags'] = 'tags'
    values[':tag'] = tag
  }
  return { expression: tests.join(' AND '), names, values }
}

interface Index {
  name: string
  partitionKey: string
  sortKey: string
  partition: string
}

function indexOf(by: ListQuery['by']): Index {
  return 'userId' in by
    ? { name: userIndex, partitionKey: 'GSI1PK', sortKey: 'GSI1SK', partition: userPartition(by.userId) }
    : { name: albumIndex, partitionKey: 'GSI2PK', sortKey: 'GSI2SK', partition: albumPartition(by.albumId) }
}

function startKeyOf(after: PagePosition, index: Index): Item {
  return {
    ...imageKey(after.id),
    [index.partitionKey]: index.partition,
    [index.sortKey]: uploadedSortKey(after),
  }
}

function liveRecordOf(item: Item): ImageRecord {
  const record = recordOf(item)
  if (record === null) throw new Error(`${String(item.PK)} is a tombstone where no tombstone can be`)
  return record
}

function claimOf(item: Item): IdempotencyClaim {
  const { [ttlAttribute]: expiresAt, ...fields } = StoredClaim.parse(item)
  return { ...fields, expiresAt }
}

function intentPartition(shard: number): string {
  return `INTENT#${shard}`
}

/** FNV-1a: any id, a ULID or a UUID, is as likely to fall into one shard as into another. */
function shardOf(id: string): number {
  let hash = 0x811c9dc5
  for (const character of id) hash = Math.imul(hash ^ character.codePointAt(0)!, 0x01000193)
  return (hash >>> 0) % intentShards
}

function oldestFirst(a: Intent, b: Intent): number {
  if (a.dueAt !== b.dueAt) return a.dueAt < b.dueAt ? -1 : 1
  return a.id < b.id ? -1 : 1
}

/** The texts, numbers and truth values of an item as the wire has it: enough to tell why a condition failed. */
function scalarsOf(item: Record<string, AttributeValue>): Item {
  return Object.fromEntries(
    Object.entries(item).map(([name, value]) => [
      name,
      value.S ?? (value.N === undefined ? value.BOOL : Number(value.N)),
    ]),
  )
}

function definedMembers<T extends object>(value: T): Partial<T> {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as Partial<T>
}
