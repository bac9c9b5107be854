import { unmarshall } from '@aws-sdk/util-dynamodb'
import type { MetadataStore } from '../core/metadata-store.ts'
import { imageKey, isExpired, recordOf } from './dynamo-image-codec.ts'
import type { AttributeValues, LightDynamoDb } from './light-dynamodb.ts'

export interface LightMetadataReaderOptions {
  dynamoDb: LightDynamoDb
  table: string
  /** Milliseconds since 1970. */
  now?: () => number
}

/** All that delivery asks of the records. */
export type LightMetadataReader = Pick<MetadataStore, 'get'>

/**
 * Reads the image records like `createDynamoMetadataStore`, and from the same items, over a client that loads in a
 * few milliseconds where the SDK takes tens.
 */
export function createLightMetadataReader(options: LightMetadataReaderOptions): LightMetadataReader {
  const { dynamoDb, table, now = Date.now } = options

  return {
    async get(id, { consistent = false } = {}) {
      const { PK, SK } = imageKey(id)
      const { Item } = await dynamoDb<{ Item?: AttributeValues }>('GetItem', {
        TableName: table,
        Key: { PK: { S: PK }, SK: { S: SK } },
        ConsistentRead: consistent,
      })
      const item = Item === undefined ? null : unmarshall(Item)
      return item === null || isExpired(item, Math.floor(now() / 1000)) ? null : recordOf(item)
    },
  }
}
