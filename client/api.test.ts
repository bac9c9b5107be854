import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from 'vitest'
import type { z } from 'zod'
import type { ImageChanges as ApiChanges, ListParameters } from '../api/images.ts'
import type { ImageView } from '../api/image-view.ts'
import type { Fault, ProblemCode as ApiProblemCode } from '../api/problems.ts'
import type { UploadFields } from '../api/upload-fields.ts'
import { startTestSystem, type TestSystem, tokenFor } from '../e2e/test-system.ts'
import { photographs } from '../local/photographs.ts'
import {
  type ApiClient,
  ApiProblem,
  createApiClient,
  type Image,
  type ImageChanges,
  type ImageDetails,
  type ListQuery,
  type ProblemCode,
  type ProblemFault,
} from './api.ts'
import { createImageUrls } from './index.ts'

let system: TestSystem
let api: ApiClient
/** The requests of the client, as `METHOD /path`, in order. */
let sent: { request: string; init: RequestInit }[] = []

/** The global fetch, which keeps a record. */
function recorded(url: string, init: RequestInit): Promise<Response> {
  sent.push({ request: `${init.method} ${new URL(url).pathname}`, init })
  return fetch(url, init)
}

beforeAll(async () => {
  system = await startTestSystem()
  api = await clientOf('user-1')
})

afterAll(() => system.remove())

async function clientOf(sub: string, options: { directAboveBytes?: number } = {}): Promise<ApiClient> {
  return createApiClient({
    baseUrl: system.url,
    token: await tokenFor(system.url, sub),
    fetch: recorded,
    ...options,
  })
}

async function photograph(index = 0): Promise<File> {
  const { name, path } = photographs[index]!
  return new File([await readFile(path)], `${name}.jpg`, { type: 'image/jpeg' })
}

/** The requests that a call makes. */
async function requestsOf(call: () => Promise<unknown>): Promise<string[]> {
  sent = []
  await call()
  return sent.map(({ request }) => request)
}

async function problemOf(call: Promise<unknown>): Promise<ApiProblem> {
  const thrown = await call.catch((error: unknown) => error)
  expect(thrown).toBeInstanceOf(ApiProblem)
  return thrown as ApiProblem
}

describe('upload', () => {
  const details: ImageDetails = {
    title: 'Black Canyon',
    description: 'Boats & “boats”',
    altText: 'A boat',
    tags: ['river, wide', 'canyon'],
    albumId: null,
    visibility: 'public',
  }

  it('sends a small file in one request', async () => {
    let image!: Image
    const requests = await requestsOf(async () => {
      image = await api.upload(await photograph(), details)
    })
    expect(requests).toEqual(['POST /images'])
    expect(image).toMatchObject({ ...details, originalFilename: 'black-canyon.jpg', mimeType: 'image/jpeg' })
  })

  it('sends a large file straight to the object store, with the same result', async () => {
    const direct = await clientOf('user-1', { directAboveBytes: 0 })
    let image!: Image
    const requests = await requestsOf(async () => {
      image = await direct.upload(await photograph(), details)
    })
    expect(requests).toHaveLength(3)
    expect(requests[0]).toBe('POST /uploads')
    expect(requests[2]).toBe(`POST /uploads/${image.id}/complete`)
    expect(new Headers(sent[1]!.init.headers).has('authorization')).toBe(false)
    expect(image).toMatchObject({
      ...details,
      originalFilename: 'black-canyon.jpg',
      processingStatus: 'completed',
      width: expect.any(Number) as number,
    })
  })

  it('decides by the size of the file what is large', async () => {
    const small = await photograph()
    // What follows the end of a JPEG is ignored.
    const large = new Blob([small, new Uint8Array(4_000_000 - small.size + 1)], { type: 'image/jpeg' })
    expect(await requestsOf(() => api.upload(large))).toHaveLength(3)
    const bound = await clientOf('user-1', { directAboveBytes: small.size })
    expect(await requestsOf(() => bound.upload(small))).toHaveLength(1)
    const below = await clientOf('user-1', { directAboveBytes: small.size - 1 })
    expect(await requestsOf(() => below.upload(small))).toHaveLength(3)
  })

  it.each([
    ['by form', Infinity],
    ['directly', 0],
  ])('makes one image of two uploads with one key, %s', async (_, directAboveBytes) => {
    const client = await clientOf('user-twice', { directAboveBytes })
    const options = { idempotencyKey: `twice-${directAboveBytes}` }
    const first = await client.upload(await photograph(1), {}, options)
    const second = await client.upload(await photograph(1), {}, options)
    expect(second).toEqual(first)
  })

  it.each([
    ['by form', Infinity],
    ['directly', 0],
  ])('takes a Blob without name and type, %s', async (_, directAboveBytes) => {
    const client = await clientOf('user-1', { directAboveBytes })
    const blob = new Blob([await (await photograph(2)).arrayBuffer()])
    expect(await client.upload(blob)).toMatchObject({ originalFilename: 'image', mimeType: 'image/jpeg' })
    expect(await client.upload(blob, {}, { filename: 'alps.jpg' })).toMatchObject({
      originalFilename: 'alps.jpg',
    })
  })

  it.each([
    ['by form', Infinity],
    ['directly', 0],
  ])('tells what is wrong with a file, %s', async (_, directAboveBytes) => {
    const client = await clientOf('user-1', { directAboveBytes })
    const text = new File(['no picture at all'], 'text.jpg', { type: 'image/jpeg' })
    expect(await problemOf(client.upload(text))).toMatchObject({ code: 'INVALID_FILE_TYPE', status: 400 })
  })

  it('tells when the object store refuses', async () => {
    const client = createApiClient({
      baseUrl: system.url,
      token: await tokenFor(system.url, 'user-1'),
      directAboveBytes: 0,
      fetch: (url, init) =>
        fetch(url, init.body instanceof FormData ? { ...init, body: new FormData() } : init),
    })
    const problem = await problemOf(client.upload(await photograph()))
    expect(problem.code).toBe('UNEXPECTED_ANSWER')
    expect(problem.status).toBeGreaterThanOrEqual(400)
  })
})

describe('list', () => {
  let lister: ApiClient
  let uploaded: string[]

  beforeAll(async () => {
    lister = await clientOf('user-list')
    uploaded = []
    for (let index = 0; index < 5; index++) {
      const { id } = await lister.upload(await photograph(index), { tags: index < 2 ? ['first'] : [] })
      uploaded.unshift(id)
    }
  })

  it('gives one page', async () => {
    const page = await lister.list({ limit: 2 })
    expect(page.images.map(({ id }) => id)).toEqual(uploaded.slice(0, 2))
    expect(page.pagination).toMatchObject({ limit: 2, hasMore: true })
    const next = await lister.list({ limit: 2, cursor: page.pagination.nextCursor! })
    expect(next.images.map(({ id }) => id)).toEqual(uploaded.slice(2, 4))
  })

  it('gives all pages to a loop', async () => {
    const seen: string[][] = []
    for await (const { images } of lister.pages({ limit: 2 })) seen.push(images.map(({ id }) => id))
    expect(seen).toEqual([uploaded.slice(0, 2), uploaded.slice(2, 4), uploaded.slice(4)])
  })

  it('asks for no page that the loop does not come to', async () => {
    const requests = await requestsOf(async () => {
      for await (const _ of lister.pages({ limit: 2 })) break
    })
    expect(requests).toEqual(['GET /images'])
  })

  it('asks for what the query says', async () => {
    const { images } = await lister.list({ tag: 'first', sortOrder: 'asc', cursor: undefined })
    expect(images.map(({ id }) => id)).toEqual(uploaded.slice(-2).toReversed())
  })

  it('tells what is wrong with a query', async () => {
    const problem = await problemOf(lister.list({ limit: 1000 }))
    expect(problem).toMatchObject({ code: 'VALIDATION_FAILED', status: 400 })
    expect(problem.errors.map(({ path }) => path)).toEqual(['limit'])
    expect(await problemOf(lister.list({ cursor: 'x' }))).toMatchObject({ code: 'INVALID_CURSOR' })
  })
})

describe('change', () => {
  let image: Image

  beforeAll(async () => {
    image = await api.upload(await photograph(3), { title: 'Boats' })
  })

  it('gives the image that is there', async () => {
    expect(await api.get(image.id)).toEqual(image)
  })

  it('updates the version that was seen, and no other', async () => {
    const updated = await api.update(image, { title: null, tags: ['a'], focalPoint: { x: 0.1, y: 0.9 } })
    expect(updated).toMatchObject({ title: null, tags: ['a'], focalPoint: { x: 0.1, y: 0.9 } })
    expect(updated.version).toBe(image.version + 1)

    const problem = await problemOf(api.update(image, { title: 'Too late' }))
    expect(problem).toMatchObject({ code: 'VERSION_MISMATCH', status: 409, currentVersion: updated.version })
    expect(problem.requestId).toMatch(/^[\w-]{8,}$/)
    expect(problem.message).toBe(`VERSION_MISMATCH: ${problem.detail}`)

    const again = await api.update({ id: image.id, version: problem.currentVersion! }, { title: 'In time' })
    expect(again.title).toBe('In time')
    image = await api.update({ id: image.id, version: '*' }, { title: 'Whatever is there' })
    expect(image.version).toBe(again.version + 1)
  })

  it('replaces the original of the version that was seen', async () => {
    const replaced = await api.replaceOriginal(image, await photograph(4))
    expect(replaced.rev).not.toBe(image.rev)
    expect(replaced.originalFilename).toBe('allium-oreophilum.jpg')
    // Refused before it is looked at.
    const stale = await problemOf(api.replaceOriginal(image, new Blob(['x'])))
    expect(stale).toMatchObject({ code: 'VERSION_MISMATCH' })

    const blob = new Blob([await (await photograph(5)).arrayBuffer()])
    const unconditional = await api.replaceOriginal(image.id, blob, { filename: 'other.jpg' })
    expect(unconditional).toMatchObject({ originalFilename: 'other.jpg', version: replaced.version + 1 })
  })

  it('deletes the version that was seen, or whatever is there', async () => {
    expect(await problemOf(api.delete(image))).toMatchObject({ code: 'VERSION_MISMATCH' })
    await api.delete(image.id)
    expect(await problemOf(api.get(image.id))).toMatchObject({ code: 'IMAGE_NOT_FOUND', status: 404 })

    const other = await api.upload(await photograph(6))
    await api.delete(other)
    expect(await problemOf(api.delete(other))).toMatchObject({ code: 'IMAGE_NOT_FOUND' })
  })
})

describe('the pictures of an image of the API', () => {
  it('are delivered at the widths that the helpers promise', async () => {
    const image = await api.upload(await photograph(7))
    const images = createImageUrls({ baseUrl: system.url })
    expect(images.srcSet(image)).toBe(image.srcset)
    const { img } = images.picture(image, { aspectRatio: '1:1', widths: [100, 400, 4000], format: 'png' })
    const widths: number[] = []
    for (const entry of img.srcSet.split(', ')) {
      const [url, descriptor] = entry.split(' ') as [string, string]
      const response = await fetch(url)
      expect(response.headers.get('cache-control')).toContain('immutable')
      const bytes = Buffer.from(await response.arrayBuffer())
      // Width and height stand at 16 and 20 in a PNG.
      expect(`${bytes.readUInt32BE(16)}w`).toBe(descriptor)
      expect(bytes.readUInt32BE(20)).toBe(bytes.readUInt32BE(16))
      widths.push(bytes.readUInt32BE(16))
    }
    expect(widths.slice(0, 2)).toEqual([112, 416])
    expect(widths[2]).toBe(Math.min(image.width!, image.height!))
  })
})

describe('the token', () => {
  it('is asked for before each request, so that it can be renewed', async () => {
    const tokens = ['expired', await tokenFor(system.url, 'user-1')]
    const client = createApiClient({ baseUrl: system.url, token: () => Promise.resolve(tokens.shift()!) })
    expect(await problemOf(client.list())).toMatchObject({ code: 'UNAUTHENTICATED', status: 401 })
    expect((await client.list({ limit: 1 })).images).toHaveLength(1)
  })

  it('opens the images of its user only', async () => {
    const { images } = await api.list({ limit: 1 })
    const other = await clientOf('user-other')
    expect(await problemOf(other.get(images[0]!.id))).toMatchObject({ status: expect.any(Number) as number })
    expect((await other.list()).images).toEqual([])
  })
})

describe('an answer that is not of the API', () => {
  const answered = (response: Response): ApiClient =>
    createApiClient({ baseUrl: 'https://api.example.com/', token: 't', fetch: async () => response })

  it.each([
    ['a page of a gateway', new Response('<h1>Bad Gateway</h1>', { status: 502 })],
    [
      'a problem that was cut off',
      new Response('{"code":', { status: 500, headers: { 'content-type': 'application/problem+json' } }),
    ],
  ])('is a problem with a code of its own: %s', async (_, response) => {
    const problem = await problemOf(answered(response).list())
    expect(problem).toMatchObject({ code: 'UNEXPECTED_ANSWER', status: response.status, errors: [] })
    expect(problem.requestId).toBeNull()
  })

  it('tells when to try again', async () => {
    const body = { code: 'RATE_LIMITED', detail: 'Too many.', requestId: 'r1' }
    const headers = { 'content-type': 'application/problem+json; charset=utf-8', 'retry-after': '7' }
    const limited = new Response(JSON.stringify(body), { status: 429, headers })
    expect(await problemOf(answered(limited).list())).toMatchObject({
      code: 'RATE_LIMITED',
      retryAfterSeconds: 7,
      requestId: 'r1',
    })
    const dated = new Response('', {
      status: 503,
      headers: { 'retry-after': 'Fri, 31 Dec 2027 23:59:59 GMT' },
    })
    expect((await problemOf(answered(dated).list())).retryAfterSeconds).toBeUndefined()
  })

  it('is none where there is no answer at all', async () => {
    const client = createApiClient({
      baseUrl: '',
      token: 't',
      fetch: () => Promise.reject(new TypeError('fetch failed')),
    })
    await expect(client.list()).rejects.toThrow(TypeError)
  })

  it('is not waited for once a call is given up', async () => {
    const given = AbortSignal.abort()
    for (const call of [
      () => api.list({}, { signal: given }),
      () => api.pages({}, { signal: given }).next(),
      () => api.get('x', { signal: given }),
      () => api.upload(new Blob(['x']), {}, { signal: given }),
      () => api.update({ id: 'x', version: 1 }, {}, { signal: given }),
      () => api.replaceOriginal('x', new Blob(['x']), { signal: given }),
      () => api.delete('x', { signal: given }),
    ]) {
      await expect(call()).rejects.toMatchObject({ name: 'AbortError' })
    }
  })
})

it('has the types of the API', () => {
  expectTypeOf<Image>().toEqualTypeOf<ImageView>()
  expectTypeOf<ImageDetails>().toEqualTypeOf<z.input<typeof UploadFields>>()
  expectTypeOf<ImageChanges & { version?: number | undefined }>().branded.toEqualTypeOf<
    z.input<typeof ApiChanges>
  >()
  expectTypeOf<keyof ListQuery>().toEqualTypeOf<keyof z.infer<typeof ListParameters>>()
  expectTypeOf<ProblemCode>().toEqualTypeOf<ApiProblemCode>()
  expectTypeOf<ProblemFault>().toEqualTypeOf<Fault>()
})
