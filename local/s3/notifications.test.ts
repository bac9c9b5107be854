import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  HeadObjectCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { createPresignedPost } from '@aws-sdk/s3-presigned-post'
import type { S3EventRecord } from 'aws-lambda'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { BUCKET, failureOf, md5Hex, startTestServer, type TestServer } from './test-server.ts'

const onEvent = vi.fn<(record: S3EventRecord) => Promise<void>>()
const onError = vi.fn<(error: unknown) => void>()

let server: TestServer
beforeAll(async () => {
  server = await startTestServer({ onEvent, onError })
})
beforeEach(() => {
  onEvent.mockReset()
  onError.mockReset()
})
afterAll(() => server.stop())

function put(Key: string, Body = 'content') {
  return server.client.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body }))
}

function announced(): string[] {
  return onEvent.mock.calls.map(([{ eventName, s3 }]) => `${eventName} ${s3.object.key}`)
}

describe('event notifications', () => {
  it('have the shape of S3 event records', async () => {
    await put('a b/ü+.jpg')
    expect(onEvent.mock.calls[0]?.[0]).toMatchObject({
      eventVersion: '2.1',
      eventSource: 'aws:s3',
      eventName: 'ObjectCreated:Put',
      s3: {
        bucket: { name: BUCKET, arn: `arn:aws:s3:::${BUCKET}` },
        object: { key: 'a+b/%C3%BC%2B.jpg', size: 7, eTag: md5Hex('content') },
      },
    })
  })

  it('tell by which way an object came and went', async () => {
    const at = { Bucket: BUCKET, Key: 'multipart' }
    await put('put')
    await server.client.send(
      new CopyObjectCommand({ Bucket: BUCKET, Key: 'copy', CopySource: `${BUCKET}/put` }),
    )
    const { url, fields } = await createPresignedPost(server.client, { Bucket: BUCKET, Key: 'post' })
    const body = new FormData()
    for (const [name, value] of Object.entries(fields)) body.append(name, value)
    body.append('file', new Blob(['x']), 'f')
    await fetch(url, { method: 'POST', body })
    const { UploadId } = await server.client.send(new CreateMultipartUploadCommand(at))
    const { ETag } = await server.client.send(
      new UploadPartCommand({ ...at, UploadId, PartNumber: 1, Body: 'x' }),
    )
    await server.client.send(
      new CompleteMultipartUploadCommand({
        ...at,
        UploadId,
        MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] },
      }),
    )
    await server.client.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: 'put' }))
    await server.client.send(
      new DeleteObjectsCommand({ Bucket: BUCKET, Delete: { Objects: [{ Key: 'copy' }, { Key: 'never' }] } }),
    )
    expect(announced()).toEqual([
      'ObjectCreated:Put put',
      'ObjectCreated:Copy copy',
      'ObjectCreated:Post post',
      'ObjectCreated:CompleteMultipartUpload multipart',
      'ObjectRemoved:Delete put',
      'ObjectRemoved:Delete copy',
    ])
  })

  it('come when the object can be read, in the order of the changes of a key', async () => {
    const seen: unknown[] = []
    onEvent.mockImplementation(async ({ s3 }) => {
      const head = await server.client.send(new HeadObjectCommand({ Bucket: BUCKET, Key: s3.object.key }))
      seen.push(head.ContentLength)
    })
    await Promise.all([put('ordered', '1'), put('ordered', '22'), put('ordered', '333')])
    await vi.waitFor(() => expect(seen).toHaveLength(3), 20_000)
    const sequencers = onEvent.mock.calls.map(([{ s3 }]) => s3.object.sequencer)
    expect(sequencers).toEqual(sequencers.toSorted())
    const head = await server.client.send(new HeadObjectCommand({ Bucket: BUCKET, Key: 'ordered' }))
    expect(onEvent.mock.calls.at(-1)?.[0].s3.object.size).toBe(head.ContentLength)
  })

  it('are not sent for what did not happen', async () => {
    await put('refused')
    onEvent.mockReset()
    const again = new PutObjectCommand({ Bucket: BUCKET, Key: 'refused', Body: '2', IfNoneMatch: '*' })
    expect(await failureOf(server.client.send(again))).toBe('412 PreconditionFailed')
    expect(announced()).toEqual([])
  })

  it.each([
    [
      'throws',
      () => {
        throw new Error('listener')
      },
    ],
    ['rejects', () => Promise.reject(new Error('listener'))],
  ])('do the request no harm when the listener %s', async (_, listener) => {
    onEvent.mockImplementation(listener)
    await put('unharmed')
    await vi.waitFor(() => expect(onError).toHaveBeenCalledWith(new Error('listener')), 20_000)
  })
})
