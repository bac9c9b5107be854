import {
  CreateTableCommand,
  type CreateTableCommandInput,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  type DynamoDBClient,
  ResourceInUseException,
  ResourceNotFoundException,
  UpdateTimeToLiveCommand,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb'

/** Lists the images of a user; shares its keys with the intents, which are no images. */
export const userIndex = 'UserIndex'
/** Lists the images of an album. Sparse: an image in no album has no key in it. */
export const albumIndex = 'AlbumIndex'
/** Unix seconds after which DynamoDB removes an item, within days; whoever reads must look at it too. */
export const ttlAttribute = 'ttl'

const activeWaitSecondsMax = 120

/** The one table that holds image records, tombstones, intents and idempotency claims. */
export function tableDefinition(table: string): CreateTableCommandInput {
  return {
    TableName: table,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: ['PK', 'SK', 'GSI1PK', 'GSI1SK', 'GSI2PK', 'GSI2SK'].map((name) => ({
      AttributeName: name,
      AttributeType: 'S',
    })),
    KeySchema: keySchema('PK', 'SK'),
    GlobalSecondaryIndexes: [
      {
        IndexName: userIndex,
        KeySchema: keySchema('GSI1PK', 'GSI1SK'),
        Projection: { ProjectionType: 'ALL' },
      },
      {
        IndexName: albumIndex,
        KeySchema: keySchema('GSI2PK', 'GSI2SK'),
        Projection: { ProjectionType: 'ALL' },
      },
    ],
    StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' },
  }
}

function keySchema(hash: string, range: string): CreateTableCommandInput['KeySchema'] {
  return [
    { AttributeName: hash, KeyType: 'HASH' },
    { AttributeName: range, KeyType: 'RANGE' },
  ]
}

/**
 * Creates the table where there is none, waits until it can be used, and switches on expiry by `ttl`. May be
 * called again, and by several processes at once. Never changes an existing table's keys or indexes.
 */
export function ensureTable(client: DynamoDBClient, table: string): Promise<void> {
  return ensure(client, table, tableDefinition(table))
}

/** The table of the ledger: counters by image and by day. Apart from the images, whose stream has no use for them. */
export function ledgerTableDefinition(table: string): CreateTableCommandInput {
  return {
    TableName: table,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: ['PK', 'SK'].map((name) => ({ AttributeName: name, AttributeType: 'S' })),
    KeySchema: keySchema('PK', 'SK'),
  }
}

/** As `ensureTable`, for the table of the ledger. */
export function ensureLedgerTable(client: DynamoDBClient, table: string): Promise<void> {
  return ensure(client, table, ledgerTableDefinition(table))
}

async function ensure(
  client: DynamoDBClient,
  table: string,
  definition: CreateTableCommandInput,
): Promise<void> {
  if (!(await isActive(client, table))) {
    await createTable(client, definition)
    await waitUntilTableExists(
      { client, maxWaitTime: activeWaitSecondsMax, minDelay: 0.1, maxDelay: 5 },
      { TableName: table },
    )
  }
  await enableExpiry(client, table)
}

async function isActive(client: DynamoDBClient, table: string): Promise<boolean> {
  try {
    const { Table } = await client.send(new DescribeTableCommand({ TableName: table }))
    return Table?.TableStatus === 'ACTIVE'
  } catch (error) {
    if (error instanceof ResourceNotFoundException) return false
    throw error
  }
}

async function createTable(client: DynamoDBClient, definition: CreateTableCommandInput): Promise<void> {
  try {
    await client.send(new CreateTableCommand(definition))
  } catch (error) {
    // Someone else was faster, or the table is still being created: both end in the wait that follows.
    if (!(error instanceof ResourceInUseException)) throw error
  }
}

async function enableExpiry(client: DynamoDBClient, table: string): Promise<void> {
  if (await hasExpiry(client, table)) return
  try {
    await client.send(
      new UpdateTimeToLiveCommand({
        TableName: table,
        TimeToLiveSpecification: { AttributeName: ttlAttribute, Enabled: true },
      }),
    )
  } catch (error) {
    // An engine without expiry keeps expired items, which every read leaves out anyway.
    if (nameOf(error) === 'UnknownOperationException') return
    // Two processes may get here together: the second is told that there is nothing to change.
    if (await hasExpiry(client, table)) return
    throw error
  }
}

async function hasExpiry(client: DynamoDBClient, table: string): Promise<boolean> {
  const { TimeToLiveDescription } = await client.send(new DescribeTimeToLiveCommand({ TableName: table }))
  const status = TimeToLiveDescription?.TimeToLiveStatus
  return status === 'ENABLED' || status === 'ENABLING'
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : ''
}
