import { afterAll, beforeAll, describe, inject } from 'vitest'
import { startDynamoDb, type RunningDynamoDb } from '../local/dynamodb/index.ts'
import { createTestTable } from '../local/testing/test-table.ts'
import { createDynamoMetadataStore } from './dynamo-metadata-store.ts'
import { describeMetadataStore } from './metadata-store.contract.ts'

describe.runIf(inject('dynamoEngine') === 'dynamodb-local')('with DynamoDB Local', () => {
  describeMetadataStore('the DynamoDB metadata store', async ({ now }) =>
    createDynamoMetadataStore({ ...(await createTestTable()), now }),
  )
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
})
