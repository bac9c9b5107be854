import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { ObjectStore } from '../core/object-store.ts'
import { startTestS3, type TestS3 } from '../local/testing/test-s3.ts'
import { createLightObjectStore, type LightObjectStore } from './light-object-store.ts'
import { describeObjectStore } from './object-store.contract.ts'
import { createS3ObjectStore } from './s3-object-store.ts'

const region = 'us-east-1'

describe('with the S3 of this machine', () => {
  let s3: TestS3
  beforeAll(async () => {
    s3 = await startTestS3()
  })
  afterAll(() => s3.stop())

  const open = (bucket: string): LightObjectStore => createLightObjectStore({ ...s3, bucket, region })

  // What it leaves out is done by the SDK: each has to find what the other has put.
  describeObjectStore('the light object store', async (): Promise<ObjectStore> => {
    const bucket = await s3.createBucket()
    const { copy, presignUpload } = createS3ObjectStore({ client: s3.client, bucket })
    return { ...open(bucket), copy, presignUpload }
  })

  it('takes a missing bucket for an error, not for a missing object', async () => {
    const store = open('no-such-bucket')
    await expect(store.get('k')).rejects.toMatchObject({ code: 'NoSuchBucket', status: 404 })
    await expect(store.put('k', new Uint8Array(1), { contentType: 'image/png' })).rejects.toThrow(
      'NoSuchBucket',
    )
    await expect(store.delete(['k'])).rejects.toThrow('NoSuchBucket')
    await expect(store.list('')[Symbol.asyncIterator]().next()).rejects.toThrow('NoSuchBucket')
  })

  it('takes a wrong secret for an error', async () => {
    const bucket = await s3.createBucket()
    const credentials = { ...s3.credentials, secretAccessKey: 'wrong' }
    const store = createLightObjectStore({ ...s3, bucket, region, credentials })
    await expect(store.get('k')).rejects.toMatchObject({ code: 'SignatureDoesNotMatch', status: 403 })
    await expect(store.head('k')).rejects.toMatchObject({ status: 403 })
  })
})

describe('what S3 seldom answers', () => {
  type Answer = (response: ServerResponse, request: IncomingMessage) => void
  const ok: Answer = (response) => response.writeHead(200, { etag: '"e"', 'content-length': 0 }).end()
  const refuse =
    (status: number, code: string): Answer =>
    (response) =>
      response.writeHead(status, { 'x-amz-request-id': 'r-1' }).end(`<Error><Code>${code}</Code></Error>`)
  const hangUp: Answer = (response) => response.destroy()

  let server: Server
  let store: LightObjectStore
  let requests: IncomingMessage[]
  let answers: Answer[]

  beforeEach(async () => {
    requests = []
    answers = []
    server = createServer(async (request, response) => {
      requests.push(request)
      await once(request.resume(), 'end')
      const answer = answers.length > 1 ? answers.shift()! : answers[0]!
      answer(response, request)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    store = openStore()
  })

  afterEach(() => {
    server.closeAllConnections()
    server.close()
  })

  function openStore(silenceMsMax?: number): LightObjectStore {
    return createLightObjectStore({
      bucket: 'bucket',
      region,
      credentials: { accessKeyId: 'key', secretAccessKey: 'secret', sessionToken: 'token' },
      endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      ...(silenceMsMax !== undefined && { silenceMsMax }),
    })
  }

  const put = (onlyIfAbsent: boolean) =>
    store.put('k', new Uint8Array(3), { contentType: 'image/png', onlyIfAbsent })

  it('slowing down, an error of its own and a broken connection are waited out', async () => {
    for (const passing of [refuse(503, 'SlowDown'), refuse(500, 'InternalError'), hangUp]) {
      requests = []
      answers = [passing, passing, ok]
      expect(await store.head('k')).toMatchObject({ etag: '"e"' })
      expect(requests).toHaveLength(3)
    }
  })

  it('what does not pass is an error after three requests', async () => {
    answers = [refuse(503, 'SlowDown')]
    await expect(store.get('k')).rejects.toThrow('s3 GET /bucket/k answered 503 SlowDown (request r-1)')
    expect(requests).toHaveLength(3)
    answers = [hangUp]
    await expect(store.get('k')).rejects.toMatchObject({ code: 'ECONNRESET' })
  })

  it('a put that meets another one is tried again', async () => {
    const conflict = refuse(409, 'ConditionalRequestConflict')
    answers = [conflict, conflict, ok]
    expect(await put(true)).toEqual({ kind: 'stored', etag: '"e"' })
    answers = [conflict, refuse(412, 'PreconditionFailed')]
    expect(await put(true)).toEqual({ kind: 'exists' })
    answers = [conflict]
    await expect(put(true)).rejects.toMatchObject({ code: 'ConditionalRequestConflict' })
  })

  it('a put is conditional only if it has to be', async () => {
    answers = [ok]
    await put(true)
    await put(false)
    expect(requests.map(({ headers }) => headers['if-none-match'])).toEqual(['*', undefined])
  })

  it('a refusal is not absence, and not tried again', async () => {
    answers = [refuse(403, 'AccessDenied')]
    await expect(store.get('k')).rejects.toMatchObject({ code: 'AccessDenied' })
    await expect(store.head('k')).rejects.toMatchObject({ status: 403 })
    await expect(put(false)).rejects.toMatchObject({ code: 'AccessDenied' })
    await expect(store.delete(['k'])).rejects.toMatchObject({ code: 'AccessDenied' })
    expect(requests).toHaveLength(4)
  })

  it('dead connections that were kept open cost one failure, however many they are', async () => {
    answers = [ok]
    await Promise.all(Array.from({ length: 8 }, () => store.head('k')))
    // They look alive to the client until it writes, as after a thaw.
    const kept = new Set(requests.map(({ socket }) => socket))
    expect(kept.size).toBe(8)
    answers = [(response, { socket }) => (kept.has(socket) ? socket.destroy() : ok(response, requests[0]!))]
    requests = []
    expect(await store.head('k')).not.toBeNull()
    expect(requests).toHaveLength(2)
  })

  it('a connection is used again', async () => {
    answers = [ok]
    for (let n = 0; n < 3; n++) await store.head('k')
    expect(new Set(requests.map(({ socket }) => socket)).size).toBe(1)
  })

  it('silence is an error: before the answer, after three requests, and amid a body', async () => {
    store = openStore(100)
    answers = [() => {}]
    await expect(store.get('k')).rejects.toThrow('s3 GET /bucket/k: nothing heard for 100 ms')
    expect(requests).toHaveLength(3)
    answers = [(response) => response.writeHead(200, { 'content-length': 10, etag: '"e"' }).write('half')]
    const half = (await store.get('k'))!
    await expect(new Response(half.body).text()).rejects.toThrow()
  })

  it('a reader that takes its time is no silence', async () => {
    store = openStore(100)
    const large = randomBytes(8 * 1024 * 1024)
    answers = [
      (response) => response.writeHead(200, { 'content-length': large.length, etag: '"e"' }).end(large),
    ]
    const { body } = (await store.get('k'))!
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(Buffer.from(await new Response(body).arrayBuffer()).equals(large)).toBe(true)
  })

  it('a body that ends early is an error, not a shorter object', async () => {
    answers = [
      (response) => {
        response.writeHead(200, { 'content-length': 10, etag: '"e"' })
        response.write('half', () => response.destroy())
      },
    ]
    await expect(new Response((await store.get('k'))!.body).text()).rejects.toThrow()
  })

  it('is asked with the token of a session', async () => {
    answers = [ok]
    await store.head('k')
    expect(requests[0]!.headers['x-amz-security-token']).toBe('token')
    expect(requests[0]!.headers.authorization).toMatch(/SignedHeaders=[^,]*x-amz-security-token/)
  })
})
