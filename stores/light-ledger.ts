import { marshall, unmarshall } from '@aws-sdk/util-dynamodb'
import type { Ledger } from '../core/ledger.ts'
import { createLedgerWriter } from './ledger-writer.ts'
import type { AttributeValues, LightDynamoDb } from './light-dynamodb.ts'

export interface LightLedgerOptions {
  dynamoDb: LightDynamoDb
  table: string
  /** Milliseconds since 1970. */
  now?: () => number
}

/** Counts into the ledger like `createDynamoLedger`, which reads it, over a client that loads fast. */
export function createLightLedger({
  dynamoDb,
  table,
  now = Date.now,
}: LightLedgerOptions): Pick<Ledger, 'add'> {
  return createLedgerWriter(async ({ Key, ExpressionAttributeValues, ...update }) => {
    const { Attributes } = await dynamoDb<{ Attributes?: AttributeValues }>('UpdateItem', {
      TableName: table,
      Key: marshall(Key),
      ExpressionAttributeValues: marshall(ExpressionAttributeValues),
      ...update,
    })
    return Attributes === undefined ? {} : unmarshall(Attributes)
  }, now)
}
