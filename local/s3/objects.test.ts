import { randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectAttributesCommand,
  GetObjectCommand,
  type GetObjectCommandInput,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type PutObjectCommandInput,
} from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BUCKET, failureOf, md5Hex, startTestServer, type TestServer } from './test-server.ts'

const CONTENT = randomBytes(100_000)
const ETAG = `"${md5Hex(CONTENT)}"`

let server: TestServer
let contentPath: string
beforeAll(async () => {
  server = await startTestServer()
  contentPath = join(server.dir, 'content.bin')
  await writeFile(contentPath, CONTENT)
  await put('photo.jpg', CONTENT, {
    ContentType: 'image/jpeg',
    CacheControl: 'max-age=1',
    ContentDisposition: 'inline',
    Metadata: { foo: 'bar', 'x-y': 'z' },
  })
})
afterAll(() => server.stop())

function put(Key: string, Body: PutObjectCommandInput['Body'], input: Partial<PutObjectCommandInput> = {}) {
  return server.client.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body, ...input }))
}

async function get(Key: string, input: Partial<GetObjectCommandInput> = {}) {
  const response = await server.client.send(new GetObjectCommand({ Bucket: BUCKET, Key, ...input }))
  return { ...response, bytes: Buffer.from((await response.Body?.transformToByteArray()) ?? []) }
}

function head(Key: string) {
  return server.client.send(new HeadObjectCommand({ Bucket: BUCKET, Key }))
}

/** Whether bytes are equal, as a boolean: printing a difference of megabytes takes minutes. */
function same(a: Buffer, b: Buffer): boolean {
  return a.equals(b)
}

describe('putting an object', () => {
  it('returns the bytes, the metadata and the headers that were put', async () => {
    const object = await get('photo.jpg')
    expect(same(object.bytes, CONTENT)).toBe(true)
    expect(object).toMatchObject({
      ETag: ETAG,
      ContentType: 'image/jpeg',
      CacheControl: 'max-age=1',
      ContentDisposition: 'inline',
      Metadata: { foo: 'bar', 'x-y': 'z' },
    })
  })

  it('takes the MD5 of the body for the entity tag', async () => {
    expect((await put('etag', CONTENT)).ETag).toBe(ETAG)
  })

  it('unwraps a stream that comes in chunks with a trailer', async () => {
    await put('stream', createReadStream(contentPath), { ContentLength: CONTENT.length })
    const object = await get('stream')
    expect(same(object.bytes, CONTENT)).toBe(true)
    expect(await head('stream')).toMatchObject({ ContentLength: CONTENT.length, ETag: ETAG })
    expect(object.ContentEncoding).toBeUndefined()
  })

  it('takes a stream without a length', async () => {
    await put('stream-without-length', createReadStream(contentPath))
    expect(same((await get('stream-without-length')).bytes, CONTENT)).toBe(true)
  })

  it('takes an empty body', async () => {
    await put('empty', '')
    const object = await get('empty')
    expect(object.ContentLength).toBe(0)
    expect(object.bytes).toHaveLength(0)
  })

  it('keeps Content-Encoding apart from the encoding of the transfer', async () => {
    await put('gzip', CONTENT, { ContentEncoding: 'gzip' })
    await put('gzip-stream', createReadStream(contentPath), {
      ContentLength: CONTENT.length,
      ContentEncoding: 'gzip',
    })
    expect((await head('gzip')).ContentEncoding).toBe('gzip')
    expect((await head('gzip-stream')).ContentEncoding).toBe('gzip')
  })

  it('keeps tags', async () => {
    await put('tagged', '1', { Tagging: 'a=b' })
    const { TagSet } = await server.client.send(
      new GetObjectTaggingCommand({ Bucket: BUCKET, Key: 'tagged' }),
    )
    expect(TagSet).toEqual([{ Key: 'a', Value: 'b' }])
  })

  it('tells the attributes of an object', async () => {
    const attributes = await server.client.send(
      new GetObjectAttributesCommand({
        Bucket: BUCKET,
        Key: 'photo.jpg',
        ObjectAttributes: ['ETag', 'ObjectSize', 'Checksum'],
      }),
    )
    expect(attributes.ObjectSize).toBe(CONTENT.length)
    expect(attributes.ETag).toBe(md5Hex(CONTENT))
    expect(attributes.Checksum?.ChecksumCRC32).toBeTypeOf('string')
  })
})

describe('checksums', () => {
  // From the check values of each algorithm: the checksum of the nine bytes 123456789.
  const CHECK_VALUES = {
    CRC32: 'y/Q5Jg==',
    CRC32C: '4waSgw==',
    CRC64NVME: 'rosUhgp5mIg=',
    SHA1: '98O8HYCOBHMq32eZZczDTKeuNEE=',
    SHA256: 'FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=',
  }

  it.each(['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const)(
    'verifies and returns %s of buffers and streams',
    async (algorithm) => {
      await put('checked', CONTENT, { ChecksumAlgorithm: algorithm })
      await put('checked-stream', createReadStream(contentPath), {
        ContentLength: CONTENT.length,
        ChecksumAlgorithm: algorithm,
      })
      const object = await get('checked', { ChecksumMode: 'ENABLED' })
      const streamed = await get('checked-stream', { ChecksumMode: 'ENABLED' })
      expect(same(object.bytes, CONTENT) && same(streamed.bytes, CONTENT)).toBe(true)
      expect(object[`Checksum${algorithm}`]).toBeTypeOf('string')
      expect(streamed[`Checksum${algorithm}`]).toBe(object[`Checksum${algorithm}`])
      const checked = await put('check-value', '123456789', { ChecksumAlgorithm: algorithm })
      expect(checked[`Checksum${algorithm}`]).toBe(CHECK_VALUES[algorithm])
    },
  )

  it('refuses a body that does not have the announced CRC32', async () => {
    expect(await failureOf(put('corrupt', CONTENT, { ChecksumCRC32: 'AAAAAA==' }))).toBe('400 BadDigest')
    expect(await failureOf(head('corrupt'))).toBe('404 NotFound')
  })

  it('refuses a body that does not have the announced MD5', async () => {
    const ContentMD5 = Buffer.from(md5Hex('other'), 'hex').toString('base64')
    expect(await failureOf(put('corrupt', CONTENT, { ContentMD5 }))).toBe('400 BadDigest')
    expect(await failureOf(head('corrupt'))).toBe('404 NotFound')
    expect(await readdir(join(server.dir, 'tmp'))).toEqual([])
  })
})

describe('getting an object', () => {
  it('tells its size, entity tag, date and metadata', async () => {
    const object = await head('photo.jpg')
    expect(object).toMatchObject({ ContentLength: CONTENT.length, ETag: ETAG, Metadata: { foo: 'bar' } })
    expect(object.LastModified).toBeInstanceOf(Date)
  })

  it('tells a missing object from a missing bucket', async () => {
    expect(await failureOf(get('missing'))).toBe('404 NoSuchKey')
    expect(await failureOf(head('missing'))).toBe('404 NotFound')
    expect(await failureOf(get('missing', { Bucket: 'missing' }))).toBe('404 NoSuchBucket')
  })

  it.each([
    { Range: 'bytes=0-9', ContentRange: 'bytes 0-9/100000', expected: CONTENT.subarray(0, 10) },
    { Range: 'bytes=-5', ContentRange: 'bytes 99995-99999/100000', expected: CONTENT.subarray(-5) },
    { Range: 'bytes=99990-', ContentRange: 'bytes 99990-99999/100000', expected: CONTENT.subarray(-10) },
    {
      Range: 'bytes=99990-200000',
      ContentRange: 'bytes 99990-99999/100000',
      expected: CONTENT.subarray(-10),
    },
  ])('returns $Range', async ({ Range, ContentRange, expected }) => {
    const object = await get('photo.jpg', { Range })
    expect(object.ContentRange).toBe(ContentRange)
    expect(same(object.bytes, expected)).toBe(true)
  })

  it('answers 416 for a range beyond the end', async () => {
    expect(await failureOf(get('photo.jpg', { Range: 'bytes=200000-' }))).toBe('416 InvalidRange')
  })

  it('answers 304 or 412 as the conditions say', async () => {
    expect(await failureOf(get('photo.jpg', { IfNoneMatch: ETAG }))).toMatch(/^304 /)
    expect(await failureOf(get('photo.jpg', { IfMatch: '"0"' }))).toBe('412 PreconditionFailed')
    const { LastModified = new Date(0) } = await head('photo.jpg')
    expect(await failureOf(get('photo.jpg', { IfModifiedSince: LastModified }))).toMatch(/^304 /)
    const before = new Date(LastModified.getTime() - 60_000)
    expect(await failureOf(get('photo.jpg', { IfUnmodifiedSince: before }))).toBe('412 PreconditionFailed')
  })
})

describe('conditional writes', () => {
  it('creates an object once with If-None-Match: *', async () => {
    await put('once', '1', { IfNoneMatch: '*' })
    expect(await failureOf(put('once', '2', { IfNoneMatch: '*' }))).toBe('412 PreconditionFailed')
    expect((await get('once')).bytes.toString()).toBe('1')
  })

  it('replaces only the version named by If-Match', async () => {
    const first = await put('matched', '1')
    await put('matched', '2', { IfMatch: first.ETag })
    expect(await failureOf(put('matched', '3', { IfMatch: first.ETag }))).toBe('412 PreconditionFailed')
    expect(await failureOf(put('matched-missing', '3', { IfMatch: first.ETag }))).toBe('404 NoSuchKey')
    expect((await get('matched')).bytes.toString()).toBe('2')
  })

  it('lets exactly one of twenty racing writers create an object', async () => {
    const race = (_: unknown, at: number) =>
      failureOf(put('race', Buffer.alloc(20_000, at), { IfNoneMatch: '*' }))
    const outcomes = await Promise.all(Array.from({ length: 20 }, race))
    expect(outcomes.filter((outcome) => outcome === 'succeeded')).toHaveLength(1)
    expect(outcomes.filter((outcome) => outcome === '412 PreconditionFailed')).toHaveLength(19)
    expect((await get('race')).bytes[0]).toBe(outcomes.indexOf('succeeded'))
  })
})

describe('keys', () => {
  it('may hold any character', async () => {
    const keys = [
      'sp/a b+c.txt',
      'sp/ünï/日本.txt',
      "sp/q?x=1&y='2'.txt",
      'sp/%41.txt',
      'sp/a//b.txt',
      'sp/(1)!*.txt',
      'sp/../x',
      'sp/ leading and trailing ',
      'sp/carriage\rreturn',
      'sp/<&>"',
    ]
    for (const key of keys) {
      await put(key, key)
      expect((await get(key)).bytes.toString()).toBe(key)
    }
    const { Contents } = await server.client.send(new ListObjectsV2Command({ Bucket: BUCKET, Prefix: 'sp/' }))
    expect(Contents?.map(({ Key }) => Key).toSorted()).toEqual(keys.toSorted())
    const { Deleted } = await server.client.send(
      new DeleteObjectsCommand({ Bucket: BUCKET, Delete: { Objects: keys.map((Key) => ({ Key })) } }),
    )
    expect(Deleted).toHaveLength(keys.length)
    const left = await server.client.send(new ListObjectsV2Command({ Bucket: BUCKET, Prefix: 'sp/' }))
    expect(left.KeyCount).toBe(0)
  })

  it('may be a prefix of another', async () => {
    await put('both', '1')
    await put('both/below', '2')
    expect((await get('both')).bytes.toString()).toBe('1')
    expect((await get('both/below')).bytes.toString()).toBe('2')
  })

  it('may not be longer than 1024 bytes', async () => {
    expect(await failureOf(put('ü'.repeat(513), '1'))).toBe('400 KeyTooLongError')
  })
})

describe('deleting', () => {
  it('succeeds whether the object is there or not', async () => {
    await put('deleted', '1')
    const deletion = new DeleteObjectCommand({ Bucket: BUCKET, Key: 'deleted' })
    await server.client.send(deletion)
    expect(await failureOf(head('deleted'))).toBe('404 NotFound')
    await server.client.send(deletion)
  })

  it('deletes many objects at once', async () => {
    const Objects = Array.from({ length: 25 }, (_, at) => ({ Key: `many/${at}` }))
    await Promise.all(Objects.map(({ Key }) => put(Key, 'x')))
    const { Deleted } = await server.client.send(
      new DeleteObjectsCommand({ Bucket: BUCKET, Delete: { Objects } }),
    )
    expect(Deleted).toHaveLength(25)
    expect(await failureOf(head('many/0'))).toBe('404 NotFound')
  })
})

describe('copying', () => {
  it('replaces the metadata when asked to', async () => {
    await server.client.send(
      new CopyObjectCommand({
        Bucket: BUCKET,
        Key: 'copy-replaced',
        CopySource: `${BUCKET}/photo.jpg`,
        MetadataDirective: 'REPLACE',
        Metadata: { n: '1' },
        ContentType: 'image/png',
      }),
    )
    const copy = await get('copy-replaced')
    expect(same(copy.bytes, CONTENT)).toBe(true)
    expect(copy).toMatchObject({ ETag: ETAG, Metadata: { n: '1' }, ContentType: 'image/png' })
  })

  it('takes the metadata along otherwise', async () => {
    await put('with space/ü', 'x', { Metadata: { kept: 'yes' } })
    const CopySource = encodeURIComponent(`${BUCKET}/with space/ü`)
    await server.client.send(new CopyObjectCommand({ Bucket: BUCKET, Key: 'copy-kept', CopySource }))
    expect(await get('copy-kept')).toMatchObject({ Metadata: { kept: 'yes' } })
  })

  it('needs a source, and one that meets the conditions', async () => {
    const copy = (CopySource: string, CopySourceIfMatch?: string) =>
      failureOf(
        server.client.send(
          new CopyObjectCommand({ Bucket: BUCKET, Key: 'copy-failed', CopySource, CopySourceIfMatch }),
        ),
      )
    expect(await copy(`${BUCKET}/missing`)).toBe('404 NoSuchKey')
    expect(await copy(`${BUCKET}/photo.jpg`, '"0"')).toBe('412 PreconditionFailed')
    expect(await failureOf(head('copy-failed'))).toBe('404 NotFound')
  })
})

describe('under load', () => {
  it('stores and returns 50 MB', async () => {
    const large = randomBytes(50 * 2 ** 20)
    await put('large', large)
    expect(same((await get('large')).bytes, large)).toBe(true)
  })

  it('stores 50 MB from a stream', async () => {
    const large = randomBytes(50 * 2 ** 20)
    const path = join(server.dir, 'large.bin')
    await writeFile(path, large)
    await put('large-stream', createReadStream(path), { ContentLength: large.length })
    expect(same((await get('large-stream')).bytes, large)).toBe(true)
  })

  it('keeps 400 objects apart that 32 clients put and get at once', async () => {
    let next = 0
    const work = async () => {
      for (let at = next++; at < 400; at = next++) {
        const bytes = randomBytes(50_000)
        await put(`load/${at}`, bytes)
        if (!same((await get(`load/${at}`)).bytes, bytes)) throw new Error(`load/${at} differs`)
      }
    }
    await Promise.all(Array.from({ length: 32 }, work))
    const { KeyCount } = await server.client.send(
      new ListObjectsV2Command({ Bucket: BUCKET, Prefix: 'load/' }),
    )
    expect(KeyCount).toBe(400)
  })

  it('never returns a mixture of two versions', async () => {
    const versions = [1, 2].map((byte) => Buffer.alloc(2_000_000, byte))
    await put('overwritten', versions[0])
    const written = new AbortController()
    const writer = async () => {
      for (let at = 0; at < 20; at++) await put('overwritten', versions[at % 2])
      written.abort()
    }
    const reader = async () => {
      while (!written.signal.aborted) {
        const { bytes } = await get('overwritten')
        if (!versions.some((version) => same(version, bytes))) throw new Error('A mixture was returned')
      }
    }
    await Promise.all([writer(), reader(), reader(), reader(), reader()])
  })
})
