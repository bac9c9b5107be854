import { createHash, randomBytes } from 'node:crypto'
import { beforeEach, describe, expect, it } from 'vitest'
import type { ObjectStore, PresignedUpload } from '../core/object-store.ts'

const png = { contentType: 'image/png' }
const jpeg = { contentType: 'image/jpeg' }

/** What the grammar of URLs, of XML and of paths would each like to have for itself. */
const awkwardKeys = [
  'with space',
  'plus+plus',
  '100%',
  '100%25',
  'question?mark=1&and=2#hash',
  `quotes'"<tag>&amp;`,
  'back\\slash',
  'a/b/c',
  'a/b',
  'a',
  'a/',
  'a//b',
  'a/./b',
  'dots..',
  'ünïcödé/東京',
  'e\u0301 is not \u00e9',
  '🐈',
  'x'.repeat(1024),
]

/**
 * Registers the tests that every implementation of `ObjectStore` passes.
 *
 * @param name of the implementation
 * @param openEmptyStore gives a store without any objects; called once for each test
 */
export function describeObjectStore(name: string, openEmptyStore: () => Promise<ObjectStore>): void {
  describe(name, () => {
    let store: ObjectStore

    beforeEach(async () => {
      store = await openEmptyStore()
    })

    async function textOf(key: string): Promise<string | null> {
      const object = await store.get(key)
      return object && new Response(object.body).text()
    }

    async function putAll(keys: readonly string[]): Promise<void> {
      for (let at = 0; at < keys.length; at += 20) {
        await Promise.all(keys.slice(at, at + 20).map((key) => store.put(key, bytes(`of ${key}`), png)))
      }
    }

    async function keysBelow(prefix: string): Promise<string[]> {
      const keys: string[] = []
      for await (const key of store.list(prefix)) keys.push(key)
      return keys
    }

    describe('an object', () => {
      it('comes back as it was put, with its facts', async () => {
        const outcome = await store.put('k', bytes('hello'), { ...png, cacheControl: 'max-age=60' })
        expect(outcome).toEqual({ kind: 'stored', etag: expect.stringMatching(/^".+"$/) })
        const facts = {
          size: 5,
          etag: outcome.kind === 'stored' && outcome.etag,
          contentType: 'image/png',
          cacheControl: 'max-age=60',
        }
        expect(await store.head('k')).toEqual(facts)
        const { body, ...rest } = (await store.get('k'))!
        expect(rest).toEqual(facts)
        expect(body).toBeInstanceOf(ReadableStream)
        expect(await new Response(body).text()).toBe('hello')
      })

      it('may be empty, and without a cache rule', async () => {
        await store.put('empty', new Uint8Array(0), png)
        expect(await store.head('empty')).toMatchObject({ size: 0, cacheControl: null })
        expect(await textOf('empty')).toBe('')
      })

      it('may be large', async () => {
        const large = randomBytes(6 * 1024 * 1024 + 7)
        await store.put('large', large, jpeg)
        const { size, body } = (await store.get('large'))!
        expect(size).toBe(large.length)
        const read = Buffer.from(await new Response(body).arrayBuffer())
        expect(sha256(read)).toBe(sha256(large))
      })

      it('may be a part of a larger buffer', async () => {
        await store.put('part', bytes('-hello-').subarray(1, 6), png)
        expect(await textOf('part')).toBe('hello')
      })

      it('is null where there is none', async () => {
        await store.put('a/b', bytes('x'), png)
        for (const key of ['a', 'a/', 'a/b/', 'A/B', 'a/b/c', 'b']) {
          expect(await store.get(key)).toBeNull()
          expect(await store.head(key)).toBeNull()
        }
      })

      it('need not be read to its end', async () => {
        await store.put('large', randomBytes(4 * 1024 * 1024), jpeg)
        // More often than a client has connections: each must be given back.
        for (let n = 0; n < 60; n++) {
          const reader = (await store.get('large'))!.body.getReader()
          if (n % 2 === 0) await reader.read()
          await reader.cancel()
        }
        expect(await store.head('large')).not.toBeNull()
      })

      it('may be replaced', async () => {
        const first = await store.put('k', bytes('first'), { ...png, cacheControl: 'no-store' })
        const second = await store.put('k', bytes('second!'), jpeg)
        expect(second).not.toEqual(first)
        expect(await store.head('k')).toMatchObject({
          size: 7,
          contentType: 'image/jpeg',
          cacheControl: null,
        })
        expect(await textOf('k')).toBe('second!')
      })

      it('may have any key', async () => {
        await putAll(awkwardKeys)
        for (const key of awkwardKeys) {
          expect(await textOf(key), key).toBe(`of ${key}`)
          expect(await store.head(key), key).not.toBeNull()
        }
        expect(await keysBelow('')).toEqual(inByteOrder(awkwardKeys))
        await store.delete(awkwardKeys.slice(0, 9))
        expect(await keysBelow('')).toEqual(inByteOrder(awkwardKeys.slice(9)))
      })
    })

    describe('put only if absent', () => {
      const ifAbsent = { ...png, onlyIfAbsent: true }

      it('stores where there is nothing, and leaves alone what is there', async () => {
        expect(await store.put('k', bytes('first'), ifAbsent)).toMatchObject({ kind: 'stored' })
        expect(await store.put('k', bytes('second'), { ...ifAbsent, ...jpeg })).toEqual({ kind: 'exists' })
        expect(await textOf('k')).toBe('first')
        expect(await store.head('k')).toMatchObject({ contentType: 'image/png' })
      })

      it('stores again after a delete', async () => {
        await store.put('k', bytes('first'), ifAbsent)
        await store.delete(['k'])
        expect(await store.put('k', bytes('second'), ifAbsent)).toMatchObject({ kind: 'stored' })
        expect(await textOf('k')).toBe('second')
      })

      it('stores one of many that are put at once', async () => {
        const contents = Array.from({ length: 20 }, (_, at) => `writer ${at} `.repeat(1000))
        const outcomes = await Promise.all(contents.map((text) => store.put('k', bytes(text), ifAbsent)))
        const winners = contents.filter((_, at) => outcomes[at]?.kind === 'stored')
        expect(winners).toHaveLength(1)
        expect(await textOf('k')).toBe(winners[0])
      })
    })

    describe('put only over the object with an ETag', () => {
      it('replaces that object', async () => {
        const first = await store.put('k', bytes('first'), png)
        const onlyIfEtag = first.kind === 'stored' ? first.etag : ''
        const second = await store.put('k', bytes('second'), { ...jpeg, onlyIfEtag })
        expect(second).toMatchObject({ kind: 'stored' })
        expect(await textOf('k')).toBe('second')
        // It is another object now.
        expect(await store.put('k', bytes('third'), { ...jpeg, onlyIfEtag })).toEqual({ kind: 'changed' })
        expect(await textOf('k')).toBe('second')
      })

      it('never brings back one that was deleted', async () => {
        const first = await store.put('k', bytes('first'), png)
        const onlyIfEtag = first.kind === 'stored' ? first.etag : ''
        await store.delete(['k'])
        expect(await store.put('k', bytes('second'), { ...png, onlyIfEtag })).toEqual({ kind: 'changed' })
        expect(await store.head('k')).toBeNull()
      })

      it('replaces it for one of many that try at once', async () => {
        const first = await store.put('k', bytes('first'), png)
        const onlyIfEtag = first.kind === 'stored' ? first.etag : ''
        const contents = Array.from({ length: 20 }, (_, at) => `writer ${at}`)
        const outcomes = await Promise.all(
          contents.map((text) => store.put('k', bytes(text), { ...png, onlyIfEtag })),
        )
        const winners = contents.filter((_, at) => outcomes[at]?.kind === 'stored')
        expect(winners).toHaveLength(1)
        expect(await textOf('k')).toBe(winners[0])
      })
    })

    describe('a copy', () => {
      it('has the bytes, type and cache rule of its source', async () => {
        await store.put('from', bytes('hello'), { ...png, cacheControl: 'max-age=60' })
        expect(await store.copy('from', 'to', {})).toBe(true)
        expect(await textOf('to')).toBe('hello')
        expect(await store.head('to')).toMatchObject({ contentType: 'image/png', cacheControl: 'max-age=60' })
        expect(await textOf('from')).toBe('hello')
      })

      it('may have another type; the cache rule stays', async () => {
        await store.put('from', bytes('hello'), { ...png, cacheControl: 'max-age=60' })
        await store.put('plain', bytes('hello'), png)
        expect(await store.copy('from', 'to', jpeg)).toBe(true)
        expect(await store.copy('plain', 'plain-copy', jpeg)).toBe(true)
        expect(await store.head('to')).toMatchObject({
          contentType: 'image/jpeg',
          cacheControl: 'max-age=60',
        })
        expect(await store.head('plain-copy')).toMatchObject({
          contentType: 'image/jpeg',
          cacheControl: null,
        })
        expect(await store.head('from')).toMatchObject({ contentType: 'image/png' })
      })

      it('replaces what was there', async () => {
        await putAll(['from', 'to'])
        expect(await store.copy('from', 'to', {})).toBe(true)
        expect(await textOf('to')).toBe('of from')
      })

      it('of nothing is false, and makes nothing', async () => {
        await putAll(['to'])
        expect(await store.copy('from', 'to', {})).toBe(false)
        expect(await store.copy('from', 'to', jpeg)).toBe(false)
        expect(await textOf('to')).toBe('of to')
      })

      it('may go from and to any key', async () => {
        await putAll(awkwardKeys)
        for (const key of awkwardKeys) {
          const target = `copy/${key}`.slice(0, 1024)
          expect(await store.copy(key, target, {}), key).toBe(true)
          expect(await textOf(target), key).toBe(`of ${key}`)
        }
      })
    })

    describe('a delete', () => {
      it('removes what it names and nothing else', async () => {
        await putAll(['a', 'a/b', 'a/c', 'b'])
        await store.delete(['a', 'a/c', 'absent'])
        expect(await keysBelow('')).toEqual(['a/b', 'b'])
        expect(await store.get('a')).toBeNull()
        expect(await store.head('a/c')).toBeNull()
        expect(await textOf('a/b')).toBe('of a/b')
      })

      it('of nothing, or of what is absent, is no error', async () => {
        await store.delete([])
        await store.delete(['absent'])
        await store.delete(['absent', 'absent'])
      })
    })

    describe('a list', () => {
      it('is in the order of UTF-8 bytes', async () => {
        // UTF-16, in which JavaScript compares, has the cat before the replacement character.
        const keys = ['Z', 'a', 'a-', 'a/', 'a0', 'é', '\ufffd', '🐈']
        await putAll(keys.toReversed())
        expect(await keysBelow('')).toEqual(keys)
      })

      it('has the keys with a prefix, which need not end at a slash', async () => {
        await putAll(['v/1/x', 'v/1/y/z', 'v/10/x', 'v/2/x', 'V/1/x', 'w'])
        expect(await keysBelow('v/1/')).toEqual(['v/1/x', 'v/1/y/z'])
        expect(await keysBelow('v/1')).toEqual(['v/1/x', 'v/1/y/z', 'v/10/x'])
        expect(await keysBelow('v/3')).toEqual([])
        expect(await keysBelow('w')).toEqual(['w'])
      })

      it('may be left early', async () => {
        await putAll(['a', 'b', 'c'])
        for await (const key of store.list('')) {
          expect(key).toBe('a')
          break
        }
      })

      it('has all keys, and a delete takes all of them, however many', async () => {
        const keys = Array.from({ length: 2005 }, (_, at) => `n/${String(at).padStart(5, '0')}`)
        await putAll(['m', ...keys, 'o'])
        expect(await keysBelow('n/')).toEqual(keys)
        await store.delete(keys)
        expect(await keysBelow('')).toEqual(['m', 'o'])
      })
    })

    describe('a presigned upload', () => {
      const options = { contentType: 'image/jpeg', bytesMax: 1000, expiresInSeconds: 60 }

      it('stores what a form sends', async () => {
        const upload = await store.presignUpload('pending/key', options)
        expect(await post(upload, randomBytes(1000))).toBeLessThan(300)
        expect(await store.head('pending/key')).toMatchObject({ size: 1000, contentType: 'image/jpeg' })
      })

      it.each([
        ['too many bytes', 1001, {}],
        ['no bytes', 0, {}],
        ['another type', 10, { 'Content-Type': 'image/svg+xml' }],
        ['another key', 10, { key: 'other/key' }],
      ])('refuses %s', async (_, size, changed) => {
        const upload = await store.presignUpload('pending/key', options)
        const fields = { ...upload.fields, ...changed }
        const status = await post({ ...upload, fields }, randomBytes(size))
        expect(status).toBeGreaterThanOrEqual(400)
        expect(status).toBeLessThan(500)
        expect(await keysBelow('')).toEqual([])
      })

      it('refuses once its time is over', async () => {
        const upload = await store.presignUpload('pending/key', { ...options, expiresInSeconds: 1 })
        await new Promise((resolve) => setTimeout(resolve, 2100))
        expect(await post(upload, randomBytes(10))).toBe(403)
        expect(await store.head('pending/key')).toBeNull()
      })
    })
  })
}

/** Sends a form as a browser does. */
async function post({ url, fields }: PresignedUpload, file: Uint8Array<ArrayBuffer>): Promise<number> {
  const form = new FormData()
  for (const [name, value] of Object.entries(fields)) form.append(name, value)
  form.append('file', new Blob([file]), 'photo.jpg')
  const response = await fetch(url, { method: 'POST', body: form })
  await response.arrayBuffer()
  return response.status
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

function sha256(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex')
}

function inByteOrder(keys: readonly string[]): string[] {
  return keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
}
