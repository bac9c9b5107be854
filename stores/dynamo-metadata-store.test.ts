import { Readable } from 'node:stream'
import {
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  type DynamoDBClient,
} from '@aws-sdk/client-dynamodb'
import { DynamoDBDocumentClient, GetCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import type { MetadataStore } from '../core/metadata-store.ts'
import { type RunningDynamoDb, startDynamoDb } from '../local/dynamodb/index.ts'
import { createTestTable } from '../local/testing/test-table.ts'
import { createDynamoMetadataStore } from './dynamo-metadata-store.ts'
import { ensureTable } from './dynamo-table.ts'
import { completedImage, describeMetadataStore } from './metadata-store.contract.ts'

const later = '2026-03-02T08:30:00.000Z'

describe.runIf(inject('dynamoEngine') === 'dynamodb-local')('with DynamoDB Local', () => {
  describeMetadataStore('the DynamoDB metadata store', async ({ now }) =>
    createDynamoMetadataStore({ ...(await createTestTable()), now }),
  )
  describeOwnTraits(() => inject('dynamoEndpoint'), { toldOnFailure: true })
})

describe('with dynalite', () => {
  let dynalite: RunningDynamoDb
  beforeAll(async () => {
    dynalite = await startDynamoDb({ engine: 'dynalite' })
  })
  afterAll(() => dynalite.stop())

  describeMetadataStore('the DynamoDB metadata store', async ({ now }) =>
    createDynamoMetadataStore({ ...(await createTestTable(dynalite.endpoint)), now }),
  )
  describeOwnTraits(() => dynalite.endpoint, { toldOnFailure: false })
})

/**
 * What goes beyond the contract: how things lie in the table, and what goes over the wire.
 *
 * @param engine.toldOnFailure the engine sends the item that a condition failed on
 */
function describeOwnTraits(endpoint: () => string, engine: { toldOnFailure: boolean }): void {
  let client: DynamoDBClient
  let table: string
  let store: MetadataStore
  let documents: DynamoDBDocumentClient

  beforeEach(async () => {
    ;({ client, table } = await createTestTable(endpoint()))
    documents = DynamoDBDocumentClient.from(client)
    store = createDynamoMetadataStore({ client, table, now: () => Date.parse('2026-03-01T12:00:00Z') })
  })

  async function itemOf(PK: string): Promise<Record<string, unknown> | undefined> {
    const { Item } = await documents.send(
      new GetCommand({ TableName: table, Key: { PK, SK: 'METADATA' }, ConsistentRead: true }),
    )
    return Item
  }

  async function setAttribute(id: string, name: string, value: unknown): Promise<void> {
    await documents.send(
      new UpdateCommand({
        TableName: table,
        Key: { PK: `IMAGE#${id}`, SK: 'METADATA' },
        UpdateExpression: 'SET #name = :value',
        ExpressionAttributeNames: { '#name': name },
        ExpressionAttributeValues: { ':value': value },
      }),
    )
  }

  describe('an item', () => {
    it('of a completed image stands in the indexes', async () => {
      const record = completedImage({
        id: 'a',
        userId: 'u',
        albumId: 'x',
        uploadedAt: '2026-01-01T00:00:00Z',
      })
      await store.create(record)
      const item = await itemOf('IMAGE#a')
      expect(item).toMatchObject({
        GSI1PK: 'USER#u',
        GSI1SK: 'UPLOADED#2026-01-01T00:00:00Z#a',
        GSI2PK: 'ALBUM#x',
        GSI2SK: 'UPLOADED#2026-01-01T00:00:00Z#a',
        originalFilename: 'IMG_0001.JPG',
      })
      expect(Object.values(item!)).not.toContain(null)
      expect(item).not.toHaveProperty('ttl')
      expect(item).not.toHaveProperty('description')
    })

    it('of an image in no album has no key in the album index', async () => {
      await store.create(completedImage({ id: 'a', albumId: 'x' }))
      await store.update('a', { albumId: null, updatedAt: later }, 1)
      const item = await itemOf('IMAGE#a')
      for (const name of ['albumId', 'GSI2PK', 'GSI2SK']) expect(item).not.toHaveProperty(name)
      expect(item).toHaveProperty('GSI1PK')
    })

    it('of a pending image has a time to live and no index keys, a completed one the reverse', async () => {
      await store.create(
        completedImage({ id: 'a', albumId: 'x', processingStatus: 'pending', expiresAt: 1_800_000_000 }),
      )
      const pending = await itemOf('IMAGE#a')
      expect(pending).toMatchObject({ ttl: 1_800_000_000 })
      for (const name of ['GSI1PK', 'GSI1SK', 'GSI2PK', 'GSI2SK']) expect(pending).not.toHaveProperty(name)
      await store.update('a', { processingStatus: 'completed', updatedAt: later }, 1)
      const completed = await itemOf('IMAGE#a')
      expect(completed).not.toHaveProperty('ttl')
      expect(completed).toMatchObject({ GSI1PK: 'USER#user-of-a', GSI2PK: 'ALBUM#x' })
    })

    it('of a deleted image keeps what tells whose it was, and nothing that its owner wrote', async () => {
      await store.create(
        completedImage({
          id: 'a',
          albumId: 'x',
          description: 'd',
          altText: 'alt',
          focalPoint: { x: 0, y: 0 },
          thumbnailKey: 'legacy/thumb',
        }),
      )
      await store.delete('a', 1)
      const { writeId, ...item } = (await itemOf('IMAGE#a'))!
      expect(writeId).toBeTypeOf('string')
      expect(item).toEqual({
        PK: 'IMAGE#a',
        SK: 'METADATA',
        id: 'a',
        userId: 'user-of-a',
        s3Bucket: 'originals',
        s3Key: 'o/a/aaaaaaaa.jpg',
        thumbnailKey: 'legacy/thumb',
        sha256: 'a'.repeat(64),
        rev: 'aaaaaaaa',
        createdAt: '2026-03-01T12:00:00.000Z',
        uploadedAt: '2026-03-01T12:00:00.000Z',
        deleted: true,
        deletedAt: '2026-03-01T12:00:00.000Z',
        version: 2,
      })
    })

    it('may have attributes that nobody here knows, which every change keeps', async () => {
      const record = completedImage({ id: 'a' })
      await store.create(record)
      await setAttribute('a', 'sourceRevision', { n: [1, 2] })
      expect(await store.get('a')).toEqual(record)
      expect(await store.update('a', { title: 'x', updatedAt: later }, 1)).toMatchObject({ kind: 'changed' })
      await store.update('a', { albumId: 'x', updatedAt: later }, 2)
      const page = await store.list({ by: { albumId: 'x' }, limit: 1, order: 'newest-first', after: null })
      expect(page.images).toHaveLength(1)
      expect(page.images[0]).not.toHaveProperty('sourceRevision')
      await store.delete('a', 3)
      expect(await itemOf('IMAGE#a')).toMatchObject({ deleted: true, sourceRevision: { n: [1, 2] } })
    })

    it('that is malformed is an error that names it', async () => {
      await store.create(completedImage({ id: 'a' }))
      await setAttribute('a', 'version', 'one')
      await expect(store.get('a')).rejects.toThrow('IMAGE#a is malformed')
    })

    it('of an idempotency claim expires by itself', async () => {
      const expiresAt = 1_800_000_000
      await store.claimIdempotencyKey({ userId: 'u#%', key: 'k', fingerprint: 'f', imageId: 'i', expiresAt })
      expect(await itemOf('IDEMPOTENCY#u%23%25#k')).toMatchObject({ ttl: expiresAt, imageId: 'i' })
    })

    it('of an intent lies in one of eight partitions of the user index', async () => {
      const partitions = new Set<unknown>()
      for (let n = 0; n < 60; n++) {
        await store.openIntent({ id: `intent-${n}`, dueAt: later })
        const item = await itemOf(`INTENT#intent-${n}`)
        expect(item?.GSI1SK).toBe(`${later}#intent-${n}`)
        partitions.add(item?.GSI1PK)
      }
      expect([...partitions].toSorted()).toEqual([0, 1, 2, 3, 4, 5, 6, 7].map((shard) => `INTENT#${shard}`))
    })
  })

  describe('on the wire', () => {
    it('an ordinary change is one request', async () => {
      await store.create(completedImage({ id: 'a' }))
      const requests = noteRequests(client)
      await store.update('a', { title: 'x', tags: ['y'], updatedAt: later }, 1)
      expect(requests()).toEqual(['UpdateItemCommand'])
    })

    it('a stale change is one request as well, where DynamoDB tells what is there', async () => {
      await store.create(completedImage({ id: 'a', version: 5 }))
      const requests = noteRequests(client)
      expect(await store.update('a', { title: 'x', updatedAt: later }, 1)).toEqual({
        kind: 'stale',
        currentVersion: 5,
      })
      expect(requests()).toEqual(
        engine.toldOnFailure ? ['UpdateItemCommand'] : ['UpdateItemCommand', 'GetItemCommand'],
      )
    })

    it('a page without a filter is one query', async () => {
      for (let n = 0; n < 5; n++) await store.create(completedImage({ userId: 'u' }))
      const requests = noteRequests(client)
      await store.list({ by: { userId: 'u' }, limit: 4, order: 'newest-first', after: null })
      expect(requests()).toEqual(['QueryCommand'])
    })

    it('throttling is waited out', async () => {
      await store.create(completedImage({ id: 'a' }))
      const requests = noteRequests(client)
      throttleOnce(client)
      expect(await store.update('a', { title: 'x', updatedAt: later }, 1)).toMatchObject({ kind: 'changed' })
      throttleOnce(client)
      expect(await store.get('a')).toMatchObject({ title: 'x' })
      expect(requests()).toHaveLength(4)
    })

    it('a write whose answer is lost counts as done, not as refused', async () => {
      const image = completedImage({ id: 'a' })
      loseAnswerOnce(client)
      expect(await store.create(image)).toBe('created')
      expect(await store.create(image)).toBe('exists')
      const changed = { ...image, title: 'x', updatedAt: later, version: 2 }
      loseAnswerOnce(client)
      expect(await store.update('a', { title: 'x', updatedAt: later }, 1)).toEqual({
        kind: 'changed',
        record: changed,
      })
      expect(await store.update('a', { title: 'x', updatedAt: later }, 1)).toEqual({
        kind: 'stale',
        currentVersion: 2,
      })
      loseAnswerOnce(client, 'UpdateItemCommand')
      expect(await store.delete('a', 2)).toEqual({ kind: 'changed', record: changed })
      expect(await store.get('a')).toBeNull()
    })

    it('an error is no outcome', async () => {
      const nowhere = createDynamoMetadataStore({ client, table: 'no-such-table' })
      await expect(nowhere.get('a')).rejects.toThrow()
      await expect(nowhere.create(completedImage())).rejects.toThrow()
      await expect(nowhere.update('a', { updatedAt: later }, 1)).rejects.toThrow()
      await expect(nowhere.discardPending('a')).rejects.toThrow()
    })
  })

  describe('the table', () => {
    it('may be ensured again, and by several at once', async () => {
      await store.create(completedImage({ id: 'a' }))
      await ensureTable(client, table)
      expect(await store.get('a')).not.toBeNull()
      const name = `${table}-new`
      await Promise.all([1, 2, 3, 4].map(() => ensureTable(client, name)))
      const { Table } = await client.send(new DescribeTableCommand({ TableName: name }))
      expect(Table?.TableStatus).toBe('ACTIVE')
      expect(Table?.GlobalSecondaryIndexes?.map(({ IndexName }) => IndexName).toSorted()).toEqual([
        'AlbumIndex',
        'UserIndex',
      ])
    })

    it.runIf(engine.toldOnFailure)('has a stream with old and new images, and expiry', async () => {
      const { Table } = await client.send(new DescribeTableCommand({ TableName: table }))
      expect(Table?.StreamSpecification).toEqual({
        StreamEnabled: true,
        StreamViewType: 'NEW_AND_OLD_IMAGES',
      })
      const { TimeToLiveDescription } = await client.send(new DescribeTimeToLiveCommand({ TableName: table }))
      expect(TimeToLiveDescription).toMatchObject({ AttributeName: 'ttl', TimeToLiveStatus: 'ENABLED' })
    })
  })
}

/** Notes the commands that are sent from now on, each repetition too. */
function noteRequests(client: DynamoDBClient): () => string[] {
  const sent: string[] = []
  client.middlewareStack.add(
    (next, context) => (request) => {
      sent.push(String(context.commandName))
      return next(request)
    },
    { step: 'finalizeRequest', priority: 'low', name: 'noteRequests', override: true },
  )
  return () => sent
}

/** Answers the next request as DynamoDB does when the capacity is used up. */
function throttleOnce(client: DynamoDBClient): void {
  let throttled = false
  client.middlewareStack.add(
    (next) => async (request) => {
      if (throttled) return next(request)
      throttled = true
      const type = 'com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException'
      const response = {
        statusCode: 400,
        headers: { 'content-type': 'application/x-amz-json-1.0' },
        body: Readable.from([JSON.stringify({ __type: type, message: 'slow down' })]),
      }
      // The reader of answers, one step above, makes the SDK's error of it.
      return { response } as unknown as Awaited<ReturnType<typeof next>>
    },
    { step: 'deserialize', priority: 'low', name: 'throttleOnce', override: true },
  )
}

/** Has the next request take effect, and breaks the connection before the answer. */
function loseAnswerOnce(client: DynamoDBClient, command?: string): void {
  let lost = false
  client.middlewareStack.add(
    (next, context) => async (request) => {
      const answer = await next(request)
      if (lost || (command !== undefined && context.commandName !== command)) return answer
      lost = true
      throw Object.assign(new Error('socket hang up'), { name: 'TimeoutError', code: 'ECONNRESET' })
    },
    { step: 'deserialize', priority: 'low', name: 'loseAnswerOnce', override: true },
  )
}
