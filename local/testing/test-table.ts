import { randomUUID } from 'node:crypto'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { inject } from 'vitest'
import { ensureLedgerTable, ensureTable } from '../../stores/dynamo-table.ts'

export interface TestTable {
  client: DynamoDBClient
  table: string
}

/** A new empty table in the DynamoDB that all test files share, or in the one at `endpoint`. */
export async function createTestTable(endpoint: string = inject('dynamoEndpoint')): Promise<TestTable> {
  const client = dynamoClient(endpoint)
  const table = `test-${randomUUID()}`
  await ensureTable(client, table)
  return { client, table }
}

/** The same for the ledger. */
export async function createTestLedgerTable(endpoint: string = inject('dynamoEndpoint')): Promise<TestTable> {
  const client = dynamoClient(endpoint)
  const table = `test-ledger-${randomUUID()}`
  await ensureLedgerTable(client, table)
  return { client, table }
}

/** A client for a DynamoDB on this machine, which takes any credentials. */
export function dynamoClient(endpoint: string): DynamoDBClient {
  return new DynamoDBClient({
    endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  })
}
