import { json } from 'node:stream/consumers'
import { unmarshall } from '@aws-sdk/util-dynamodb'
import type { MetadataStore } from '../core/metadata-store.ts'
import { type AwsCredentials, createAwsSender } from './aws-request.ts'
import { imageKey, isExpired, recordOf } from './dynamo-image-codec.ts'

export interface LightMetadataReaderOptions {
  table: string
  region: string
  credentials: AwsCredentials
  /** Of something that speaks DynamoDB's protocol; DynamoDB itself unless given. */
  endpoint?: string | undefined
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
  const { table, region, endpoint = `https://dynamodb.${region}.amazonaws.com`, now = Date.now } = options
  const send = createAwsSender({ ...options, name: 'dynamodb', endpoint, errorCodeIn })

  return {
    async get(id, { consistent = false } = {}) {
      const { PK, SK } = imageKey(id)
      const answer = await send({
        method: 'POST',
        path: '/',
        headers: {
          'content-type': 'application/x-amz-json-1.0',
          'x-amz-target': 'DynamoDB_20120810.GetItem',
        },
        body: JSON.stringify({
          TableName: table,
          Key: { PK: { S: PK }, SK: { S: SK } },
          ConsistentRead: consistent,
        }),
      })
      const { Item } = (await json(answer)) as { Item?: Parameters<typeof unmarshall>[0] }
      const item = Item === undefined ? null : unmarshall(Item)
      return item === null || isExpired(item, Math.floor(now() / 1000)) ? null : recordOf(item)
    },
  }
}

/** `{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException"}`, or something else that is no JSON. */
function errorCodeIn(body: string): string {
  return /"__type"\s*:\s*"(?:[^"#]*#)?(\w+)"/.exec(body)?.[1] ?? ''
}
