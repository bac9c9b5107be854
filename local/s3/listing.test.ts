import {
  DeleteObjectCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandInput,
  PutObjectCommand,
} from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BUCKET, failureOf, startTestServer, type TestServer } from './test-server.ts'

const KEYS = Array.from({ length: 25 }, (_, at) => `l/${String(at).padStart(3, '0')}/f`)

let server: TestServer
beforeAll(async () => {
  server = await startTestServer()
  await Promise.all(KEYS.map(put))
})
afterAll(() => server.stop())

function put(Key: string) {
  return server.client.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body: 'x' }))
}

function list(input: Partial<ListObjectsV2CommandInput>) {
  return server.client.send(new ListObjectsV2Command({ Bucket: BUCKET, ...input }))
}

/** All pages, each as the keys and common prefixes on it. */
async function listPages(input: Partial<ListObjectsV2CommandInput>): Promise<string[][]> {
  const pages: string[][] = []
  let ContinuationToken: string | undefined
  do {
    const page = await list({ ...input, ContinuationToken })
    pages.push([
      ...(page.Contents ?? []).map(({ Key }) => Key ?? ''),
      ...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix ?? ''),
    ])
    expect(page.IsTruncated).toBe(page.NextContinuationToken !== undefined)
    ContinuationToken = page.NextContinuationToken
  } while (ContinuationToken !== undefined)
  return pages
}

describe('listing', () => {
  it('goes through the keys in order, page by page', async () => {
    const pages = await listPages({ Prefix: 'l/', MaxKeys: 7 })
    expect(pages.map((page) => page.length)).toEqual([7, 7, 7, 4])
    expect(pages.flat()).toEqual(KEYS)
  })

  it('rolls keys up to the delimiter, page by page', async () => {
    expect((await list({ Prefix: 'l/', Delimiter: '/' })).CommonPrefixes).toHaveLength(25)
    const pages = await listPages({ Prefix: 'l/', Delimiter: '/', MaxKeys: 10 })
    expect(pages.flat()).toEqual(KEYS.map((key) => key.slice(0, -1)))
    expect((await list({ Delimiter: '/' })).CommonPrefixes).toEqual([{ Prefix: 'l/' }])
  })

  it('lists keys beside common prefixes, and a key that equals the prefix', async () => {
    await Promise.all(['mixed/', 'mixed/a', 'mixed/a/1', 'mixed/a/2', 'mixed/b'].map(put))
    const pages = await listPages({ Prefix: 'mixed/', Delimiter: '/', MaxKeys: 1 })
    expect(pages).toEqual([['mixed/'], ['mixed/a'], ['mixed/a/'], ['mixed/b']])
  })

  it('starts after a key', async () => {
    expect((await list({ Prefix: 'l/', StartAfter: 'l/020/f' })).KeyCount).toBe(4)
  })

  it('orders keys by their UTF-8 bytes', async () => {
    // In UTF-16, which JavaScript compares, the emoji would come before the private-use character.
    const keys = ['order/Z', 'order/a', 'order/ü', 'order/\ue000', 'order/\uffee', 'order/😀']
    await Promise.all(keys.toReversed().map(put))
    expect(await listPages({ Prefix: 'order/' })).toEqual([keys])
    await server.restart()
    expect(await listPages({ Prefix: 'order/' })).toEqual([keys])
  })

  it('goes on where it was when keys change between pages', async () => {
    await Promise.all(['change/a', 'change/b', 'change/d'].map(put))
    const first = await list({ Prefix: 'change/', MaxKeys: 2 })
    await server.client.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: 'change/b' }))
    await put('change/c')
    const second = await list({ Prefix: 'change/', ContinuationToken: first.NextContinuationToken })
    expect(second.Contents?.map(({ Key }) => Key)).toEqual(['change/c', 'change/d'])
  })

  it('encodes keys when asked to', async () => {
    await put('encoded/a b+ü')
    const page = await list({ Prefix: 'encoded/', EncodingType: 'url' })
    expect(page.Contents?.[0]?.Key).toBe('encoded/a%20b%2B%C3%BC')
  })

  it('returns nothing for max-keys 0, and 404 or 400 for what is not there', async () => {
    expect(await list({ MaxKeys: 0 })).toMatchObject({ KeyCount: 0, IsTruncated: false })
    expect(await failureOf(list({ Bucket: 'missing' }))).toBe('404 NoSuchBucket')
    expect(await failureOf(list({ ContinuationToken: 'not-ours' }))).toBe('400 InvalidArgument')
  })
})
