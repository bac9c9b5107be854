import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { createTestTable } from '../local/testing/test-table.ts'
import { createDynamoMetadataStore } from './dynamo-metadata-store.ts'
import { createLightMetadataReader } from './light-metadata-reader.ts'
import { completedImage, describeMetadataStore } from './metadata-store.contract.ts'

const signing = { region: 'us-east-1', credentials: { accessKeyId: 'local', secretAccessKey: 'local' } }

// What it leaves out, all changes and lists, is done by the SDK: it has to read what that has written.
describeMetadataStore('the light metadata reader', async ({ now }) => {
  const { client, table } = await createTestTable()
  const { get } = createLightMetadataReader({ ...signing, table, endpoint: inject('dynamoEndpoint'), now })
  return { ...createDynamoMetadataStore({ client, table, now }), get }
})

it('takes a missing table for an error', async () => {
  const endpoint = inject('dynamoEndpoint')
  const { get } = createLightMetadataReader({ ...signing, table: 'no-such-table', endpoint })
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
    const record = completedImage({ id: 'a' })
    const { client, table } = await createTestTable()
    await createDynamoMetadataStore({ client, table }).create(record)
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const { get } = createLightMetadataReader({ ...signing, table, endpoint })
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
      TableName: table,
      Key: { PK: { S: 'IMAGE#a' }, SK: { S: 'METADATA' } },
      ConsistentRead: true,
    })
  })
})
