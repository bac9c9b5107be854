import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createS3Server } from './index.ts'
import {
  BUCKET,
  createClient,
  failureOf,
  startTestServer,
  statusAndCode,
  type TestServer,
} from './test-server.ts'

/** With these, the client hears of it when the server has got the request and waits for its body. */
const SLOW = { 'content-length': 10, expect: '100-continue' }

let server: TestServer
afterEach(() => server.stop())

describe('the server', () => {
  it('finishes a request under way when it is closed, and ends idle connections', async () => {
    server = await startTestServer()
    const client = createClient(server.endpoint, { requestChecksumCalculation: 'WHEN_REQUIRED' })
    const url = await getSignedUrl(client, new PutObjectCommand({ Bucket: BUCKET, Key: 'slow' }))
    const agent = new Agent({ keepAlive: true })
    const upload = request(url, { method: 'PUT', agent, headers: SLOW })
    upload.flushHeaders()
    await once(upload, 'continue')
    upload.write('12345')
    const stopped = server.restart()
    upload.end('67890')
    const [response] = (await once(upload, 'response')) as [{ statusCode: number; resume(): void }]
    response.resume()
    expect(response.statusCode).toBe(200)
    await stopped
    const { Body } = await server.client.send(new GetObjectCommand({ Bucket: BUCKET, Key: 'slow' }))
    expect(await Body?.transformToString()).toBe('1234567890')
    agent.destroy()
  })

  it('answers 500 and reports when something breaks inside', async () => {
    const onError = vi.fn<(error: unknown) => void>()
    server = await startTestServer({ onError })
    await server.client.send(new PutObjectCommand({ Bucket: BUCKET, Key: 'lost', Body: 'x' }))
    await rm(join(server.dir, 'buckets', BUCKET, 'data'), { recursive: true })
    const get = server.client.send(new GetObjectCommand({ Bucket: BUCKET, Key: 'lost' }))
    expect(await failureOf(get)).toBe('500 InternalError')
    expect(onError).toHaveBeenCalledWith(expect.objectContaining({ code: 'ENOENT' }))
  })

  it('does not report clients that leave in the middle of a body', async () => {
    const onError = vi.fn<(error: unknown) => void>()
    server = await startTestServer({ onError })
    const client = createClient(server.endpoint, { requestChecksumCalculation: 'WHEN_REQUIRED' })
    const url = await getSignedUrl(client, new PutObjectCommand({ Bucket: BUCKET, Key: 'left' }))
    const upload = request(url, { method: 'PUT', headers: SLOW })
    upload.on('error', () => {})
    upload.flushHeaders()
    await once(upload, 'continue')
    upload.write('12345')
    upload.destroy()
    await server.restart()
    expect(onError).not.toHaveBeenCalled()
    expect(await failureOf(server.client.send(new GetObjectCommand({ Bucket: BUCKET, Key: 'left' })))).toBe(
      '404 NoSuchKey',
    )
  })

  it('answers requests that make no sense', async () => {
    server = await startTestServer()
    expect(await statusAndCode(await fetch(`${server.endpoint}/${BUCKET}/%E0%A4%A`))).toBe('400 InvalidURI')
    const malformed = await fetch(`${server.endpoint}/`, { headers: { authorization: 'Basic eDp5' } })
    expect(await statusAndCode(malformed)).toBe('400 AuthorizationHeaderMalformed')
  })

  it('leaves the directory alone when its port is taken', async () => {
    server = await startTestServer()
    const { port } = new URL(server.endpoint)
    const second = createS3Server({ dir: server.dir, credentials: {} })
    await expect(second.listen(Number(port))).rejects.toThrow('EADDRINUSE')
  })
})
