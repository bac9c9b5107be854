import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { S3Client } from '@aws-sdk/client-s3'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { ObjectStore } from '../core/object-store.ts'
import { startTestS3, type TestS3 } from '../local/testing/test-s3.ts'
import { describeObjectStore } from './object-store.contract.ts'
import { createS3ObjectStore } from './s3-object-store.ts'

describe('with the S3 of this machine', () => {
  let s3: TestS3
  beforeAll(async () => {
    s3 = await startTestS3()
  })
  afterAll(() => s3.stop())

  describeObjectStore('the S3 object store', async () =>
    createS3ObjectStore({ client: s3.client, bucket: await s3.createBucket() }),
  )

  it('takes a missing bucket for an error, not for a missing object', async () => {
    const store = createS3ObjectStore({ client: s3.client, bucket: 'no-such-bucket' })
    await expect(store.get('k')).rejects.toThrow()
    await expect(store.put('k', new Uint8Array(1), { contentType: 'image/png' })).rejects.toThrow()
    await expect(store.delete(['k'])).rejects.toThrow()
  })
})

describe('what S3 seldom answers', () => {
  interface Exchange {
    request: IncomingMessage
    body: string
  }
  interface Answer {
    status: number
    body?: string
  }
  const stored: Answer = { status: 200 }
  const conflict: Answer = { status: 409, body: errorBody('ConditionalRequestConflict') }

  let server: Server
  let client: S3Client
  let store: ObjectStore
  let exchanges: Exchange[]
  let answers: Answer[]

  beforeEach(async () => {
    exchanges = []
    answers = []
    server = createServer(async (request, response) => {
      let body = ''
      for await (const chunk of request) body += chunk
      exchanges.push({ request, body })
      const answer = answers.length > 1 ? answers.shift()! : answers[0]!
      response.writeHead(answer.status, { 'content-type': 'application/xml', etag: '"e"' })
      response.end(answer.body)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    client = clientOf(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    store = createS3ObjectStore({ client, bucket: 'bucket' })
  })

  afterEach(() => {
    client.destroy()
    server.close()
  })

  const put = (onlyIfAbsent: boolean) =>
    store.put('k', new Uint8Array(3), { contentType: 'image/png', onlyIfAbsent })

  it('a put that meets another one is tried again', async () => {
    answers = [conflict, conflict, stored]
    expect(await put(true)).toEqual({ kind: 'stored', etag: '"e"' })
    expect(exchanges).toHaveLength(3)
    answers = [conflict, { status: 412, body: errorBody('PreconditionFailed') }]
    expect(await put(true)).toEqual({ kind: 'exists' })
  })

  it('a put that always meets another one is an error', async () => {
    answers = [conflict]
    await expect(put(true)).rejects.toMatchObject({ name: 'ConditionalRequestConflict' })
    expect(exchanges).toHaveLength(3)
  })

  it('a put is conditional only if it has to be', async () => {
    answers = [stored]
    await put(true)
    await put(false)
    expect(exchanges.map(({ request }) => request.headers['if-none-match'])).toEqual(['*', undefined])
  })

  it('a refusal is not absence', async () => {
    answers = [{ status: 403, body: errorBody('AccessDenied') }]
    await expect(store.get('k')).rejects.toMatchObject({ name: 'AccessDenied' })
    await expect(store.copy('k', 'l', {})).rejects.toMatchObject({ name: 'AccessDenied' })
    answers = [{ status: 403 }]
    await expect(store.head('k')).rejects.toThrow()
  })

  it('a delete that fails for some keys is an error that names one', async () => {
    answers = [
      {
        status: 200,
        body: `<DeleteResult><Error><Key>k2</Key><Code>InternalError</Code><Message>m</Message></Error></DeleteResult>`,
      },
    ]
    await expect(store.delete(['k1', 'k2'])).rejects.toThrow(
      '1 of 2 objects not deleted, first k2: InternalError',
    )
  })

  it('a delete takes a thousand keys at a time', async () => {
    answers = [{ status: 200, body: '<DeleteResult/>' }]
    await store.delete(Array.from({ length: 2500 }, (_, at) => `k${at}`))
    const batches = exchanges.map(({ body }) => body.match(/<Key>/g)?.length)
    expect(batches).toEqual([1000, 1000, 500])
  })

  it('a copy that replaces the type takes the bytes that it has looked at', async () => {
    answers = [
      { status: 200 },
      { status: 200, body: '<CopyObjectResult><ETag>"e"</ETag></CopyObjectResult>' },
    ]
    expect(await store.copy('k ü', 'l', { contentType: 'image/jpeg' })).toBe(true)
    expect(exchanges[1]?.request.headers).toMatchObject({
      'x-amz-copy-source': 'bucket/k%20%C3%BC',
      'x-amz-copy-source-if-match': '"e"',
      'x-amz-metadata-directive': 'REPLACE',
    })
  })

  it('an upload is signed for the address that browsers reach', async () => {
    const other = createS3ObjectStore({
      client,
      bucket: 'bucket',
      presignClient: clientOf('https://uploads.example'),
    })
    const upload = await other.presignUpload('k', {
      contentType: 'image/png',
      bytesMax: 1,
      expiresInSeconds: 60,
    })
    expect(upload.url).toMatch(/^https:\/\/uploads\.example\/bucket\/?$/)
    expect(upload.fields).toMatchObject({ key: 'k', 'Content-Type': 'image/png' })
  })
})

function clientOf(endpoint: string): S3Client {
  return new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
  })
}

function errorBody(code: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>m</Message></Error>`
}
