import { randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  type CompletedPart,
  CreateMultipartUploadCommand,
  type CreateMultipartUploadCommandInput,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BUCKET, createClient, failureOf, md5Hex, startTestServer, type TestServer } from './test-server.ts'

const PART_BYTES = 5 * 2 ** 20
const CONTENT = randomBytes(12 * 2 ** 20)
const PARTS = [
  CONTENT.subarray(0, PART_BYTES),
  CONTENT.subarray(PART_BYTES, 2 * PART_BYTES),
  CONTENT.subarray(2 * PART_BYTES),
]

let server: TestServer
beforeAll(async () => {
  server = await startTestServer()
})
afterAll(() => server.stop())

async function create(Key: string, input: Partial<CreateMultipartUploadCommandInput> = {}) {
  const { UploadId } = await server.client.send(
    new CreateMultipartUploadCommand({ Bucket: BUCKET, Key, ...input }),
  )
  return { Bucket: BUCKET, Key, UploadId }
}

type UploadRef = Awaited<ReturnType<typeof create>>

async function uploadPart(upload: UploadRef, PartNumber: number, Body: Buffer): Promise<CompletedPart> {
  const part = await server.client.send(new UploadPartCommand({ ...upload, PartNumber, Body }))
  return { PartNumber, ETag: part.ETag, ChecksumCRC32: part.ChecksumCRC32 }
}

function complete(upload: UploadRef, Parts: CompletedPart[], IfNoneMatch?: '*') {
  return server.client.send(
    new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts }, IfNoneMatch }),
  )
}

async function get(Key: string) {
  const object = await server.client.send(
    new GetObjectCommand({ Bucket: BUCKET, Key, ChecksumMode: 'ENABLED' }),
  )
  return { ...object, bytes: Buffer.from((await object.Body?.transformToByteArray()) ?? []) }
}

describe('a multipart upload', () => {
  it('makes one object of what a stream sends in parts', async () => {
    const Body = Readable.from(
      (function* () {
        for (let at = 0; at < CONTENT.length; at += 65_536) yield CONTENT.subarray(at, at + 65_536)
      })(),
    )
    const params = { Bucket: BUCKET, Key: 'large', Body, Metadata: { a: 'b' }, ContentType: 'image/tiff' }
    await new Upload({ client: server.client, params, partSize: PART_BYTES, queueSize: 3 }).done()
    const object = await get('large')
    expect(object.bytes.equals(CONTENT)).toBe(true)
    const partDigests = PARTS.map((part) => Buffer.from(md5Hex(part), 'hex'))
    expect(object.ETag).toBe(`"${md5Hex(Buffer.concat(partDigests))}-3"`)
    expect(object).toMatchObject({ Metadata: { a: 'b' }, ContentType: 'image/tiff' })
    expect(object.ChecksumCRC32).toMatch(/-3$/)
  })

  it('has a checksum over all bytes if it was begun so', async () => {
    const upload = await create('full', { ChecksumAlgorithm: 'CRC32', ChecksumType: 'FULL_OBJECT' })
    const parts = [
      await uploadPart(upload, 1, PARTS[0] ?? Buffer.alloc(0)),
      await uploadPart(upload, 2, Buffer.from('!')),
    ]
    const { ChecksumCRC32, ChecksumType } = await complete(upload, parts)
    expect(ChecksumType).toBe('FULL_OBJECT')
    // The client verifies the checksum of what it reads.
    expect(await get('full')).toMatchObject({ ChecksumCRC32, ContentLength: PART_BYTES + 1 })
  })

  it('lists its parts and itself until it is aborted', async () => {
    const upload = await create('aborted')
    await uploadPart(upload, 2, Buffer.from('two'))
    await uploadPart(upload, 1, Buffer.from('one'))
    const { Parts } = await server.client.send(new ListPartsCommand(upload))
    expect(Parts?.map(({ PartNumber, Size }) => [PartNumber, Size])).toEqual([
      [1, 3],
      [2, 3],
    ])
    const { Uploads } = await server.client.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }))
    expect(Uploads?.map(({ UploadId }) => UploadId)).toContain(upload.UploadId)
    await server.client.send(new AbortMultipartUploadCommand(upload))
    expect(await failureOf(server.client.send(new ListPartsCommand(upload)))).toBe('404 NoSuchUpload')
    expect(await readdir(join(server.dir, 'uploads'))).not.toContain(upload.UploadId)
  })

  it('lists its parts page by page', async () => {
    const upload = await create('pages')
    for (const number of [1, 2, 3]) await uploadPart(upload, number, Buffer.from('x'))
    const first = await server.client.send(new ListPartsCommand({ ...upload, MaxParts: 2 }))
    expect(first).toMatchObject({ IsTruncated: true, NextPartNumberMarker: '2' })
    const PartNumberMarker = first.NextPartNumberMarker
    const second = await server.client.send(new ListPartsCommand({ ...upload, PartNumberMarker }))
    expect(second.Parts?.map(({ PartNumber }) => PartNumber)).toEqual([3])
  })

  it('refuses small parts, unknown parts, wrong entity tags and a wrong order, and goes on', async () => {
    const upload = await create('refused')
    const [large, small, last] = [
      await uploadPart(upload, 1, PARTS[0] ?? Buffer.alloc(0)),
      await uploadPart(upload, 2, Buffer.from('tiny')),
      await uploadPart(upload, 3, Buffer.from('last')),
    ]
    expect(await failureOf(complete(upload, [large, small, last]))).toBe('400 EntityTooSmall')
    expect(await failureOf(complete(upload, [{ ...last, PartNumber: 4 }]))).toBe('400 InvalidPart')
    expect(await failureOf(complete(upload, [{ ...large, ETag: last.ETag }]))).toBe('400 InvalidPart')
    expect(await failureOf(complete(upload, [last, large]))).toBe('400 InvalidPartOrder')
    await complete(upload, [large, last])
    expect((await get('refused')).bytes.length).toBe(PART_BYTES + 4)
  })

  it('replaces a part that is sent again', async () => {
    const upload = await create('again')
    await uploadPart(upload, 1, Buffer.from('first'))
    await complete(upload, [await uploadPart(upload, 1, Buffer.from('second'))])
    expect((await get('again')).bytes.toString()).toBe('second')
  })

  it('creates an object only once with If-None-Match: *', async () => {
    const [first, second] = [await create('once'), await create('once')]
    await complete(first, [await uploadPart(first, 1, Buffer.from('1'))], '*')
    const parts = [await uploadPart(second, 1, Buffer.from('2'))]
    expect(await failureOf(complete(second, parts, '*'))).toBe('412 PreconditionFailed')
    expect((await get('once')).bytes.toString()).toBe('1')
  })

  it('takes parts by presigned URL', async () => {
    const upload = await create('presigned')
    const presigner = createClient(server.endpoint, { requestChecksumCalculation: 'WHEN_REQUIRED' })
    const url = await getSignedUrl(presigner, new UploadPartCommand({ ...upload, PartNumber: 1 }), {
      expiresIn: 60,
    })
    const response = await fetch(url, { method: 'PUT', body: 'part' })
    expect(response.status).toBe(200)
    await complete(upload, [{ PartNumber: 1, ETag: response.headers.get('etag') ?? '' }])
    expect((await get('presigned')).bytes.toString()).toBe('part')
  })

  it('goes on after a restart', async () => {
    const upload = await create('restarted', { Metadata: { kept: 'yes' } })
    const first = await uploadPart(upload, 1, PARTS[0] ?? Buffer.alloc(0))
    await server.restart()
    const { Parts } = await server.client.send(new ListPartsCommand(upload))
    expect(Parts?.map(({ ETag }) => ETag)).toEqual([first.ETag])
    const second = await uploadPart(upload, 2, PARTS[1] ?? Buffer.alloc(0))
    await server.restart()
    await complete(upload, [first, second])
    const object = await get('restarted')
    expect(object.bytes.equals(CONTENT.subarray(0, 2 * PART_BYTES))).toBe(true)
    expect(object.Metadata).toEqual({ kept: 'yes' })
    await server.restart()
    const { Uploads = [] } = await server.client.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }))
    expect(Uploads.map(({ Key }) => Key)).not.toContain('restarted')
  })
})
