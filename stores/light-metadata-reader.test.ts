import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { createTestTable } from '../local/testing/test-table.ts'
import { createDynamoMetadataStore } from './dynamo-metadata-store.ts'
import { createLightDynamoDb, type LightDynamoDb } from './light-dynamodb.ts'
import { createLightMetadataReader } from './light-metadata-reader.ts'
import { describeMetadataStore } from './metadata-store.contract.ts'

function connect(endpoint: string): LightDynamoDb {
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' }
  return createLightDynamoDb({ region: 'us-east-1', credentials, endpoint })
}

// What it leaves out, all changes and lists, is done by the SDK: it has to read what that has written.
describeMetadataStore('the light metadata reader', async ({ now }) => {
  const { client, table } = await createTestTable()
  const { get } = createLightMetadataReader({ dynamoDb: connect(inject('dynamoEndpoint')), table, now })
  return { ...createDynamoMetadataStore({ client, table, now }), get }
})

it('takes a missing table for an error', async () => {
  const dynamoDb = connect(inject('dynamoEndpoint'))
  const { get } = createLightMetadataReader({ dynamoDb, table: 'no-such-table' })
  await expect(get('a')).rejects.toMatchObject({ code: 'ResourceNotFoundException', status: 400 })
})

describe('what DynamoDB seldom answers', () => {
  const answers: { status: number; body: string }[] = []
  const asked: { target: string | undefined; body: string }[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    asked.push({ target: request.headers['x-amz-target']?.toString(), body })
    const answer = answers.shift()!
    response.writeHead(answer.status).end(answer.body)
  })
  beforeAll(() => once(server.listen(0, '127.0.0.1'), 'listening'))
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })

  it('throttling is waited out', async () => {
    const dynamoDb = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    const { get } = createLightMetadataReader({ dynamoDb, table: 'images' })
    answers.push(
      { status: 400, body: '{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException"}' },
      {
        status: 400,
        body: '{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"}',
      },
      { status: 200, body: '{}' },
    )
    expect(await get('a', { consistent: true })).toBeNull()
    expect(asked).toHaveLength(3)
    expect(asked[0]!.target).toBe('DynamoDB_20120810.GetItem')
    expect(JSON.parse(asked[0]!.body)).toEqual({
      TableName: 'images',
      Key: { PK: { S: 'IMAGE#a' }, SK: { S: 'METADATA' } },
      ConsistentRead: true,
    })
  })
})
