import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { pendingKey } from './intents.ts'
import type { ImageView } from './image-view.ts'
import { bomb, photograph, plainPng } from './testing/pictures.ts'
import {
  type CallOptions,
  createTestApi,
  createTestWorld,
  keysIn,
  problemIn,
  refusal,
  type TestApi,
  type TestWorld,
} from './testing/test-api.ts'

let world: TestWorld
let app: TestApi

beforeAll(async () => {
  world = await createTestWorld()
  return world.stop
})

beforeEach(async () => {
  app = await createTestApi(world)
})

interface Begun {
  image: ImageView
  upload: {
    method: string
    url: string
    fields: Record<string, string>
    bytesMax: number
    expiresAt: string
  } | null
}

const asked = { filename: 'photo.jpg', mimeType: 'image/jpeg', bytes: 400_000 }

async function begin(json: object = asked, options: CallOptions = {}): Promise<Begun> {
  const response = await app.call('POST', '/uploads', { json, ...options })
  expect(response.status).toBe(201)
  return (await response.json()) as Begun
}

/** What a browser does with the answer. */
async function send({ upload }: Begun, file: Uint8Array): Promise<number> {
  const form = new FormData()
  for (const [name, value] of Object.entries(upload!.fields)) form.append(name, value)
  form.append('file', new Blob([new Uint8Array(file)]), 'photo.jpg')
  return (await fetch(upload!.url, { method: 'POST', body: form })).status
}

const complete = (id: string, options: CallOptions = {}) =>
  app.call('POST', `/uploads/${id}/complete`, options)

/** What there is of an image, intents left out. */
async function partsOf(id: string): Promise<string[]> {
  await app.settled()
  return (await world.everything()).filter((key) => key.includes(id) && !key.startsWith('INTENT'))
}

describe('POST /uploads', () => {
  it('answers 201 with a pending image that has no URLs, and leave to upload until it expires', async () => {
    const { image, upload } = await begin({ ...asked, title: 'T', tags: ['a'], albumId: 'al' })
    expect(image).toMatchObject({
      processingStatus: 'pending',
      originalFilename: 'photo.jpg',
      mimeType: 'image/jpeg',
      fileSize: 400_000,
      title: 'T',
      tags: ['a'],
      albumId: 'al',
      width: null,
      rev: null,
      imageUrl: null,
      thumbnailUrl: null,
      srcset: null,
      version: 1,
    })
    expect(upload).toMatchObject({ method: 'POST', bytesMax: 400_000 })
    const minutesLeft = (Date.parse(upload!.expiresAt) - world.now()) / 60_000
    expect(minutesLeft).toBeGreaterThan(58)
    expect(minutesLeft).toBeLessThanOrEqual(60)
  })

  it.each([
    [{ ...asked, bytes: 50 * 1024 ** 2 + 1 }, '413 IMAGE_TOO_LARGE'],
    [{ ...asked, mimeType: 'image/svg+xml' }, '400 INVALID_FILE_TYPE'],
    [{ ...asked, bytes: 0 }, '400 VALIDATION_FAILED'],
    [{ ...asked, colour: 'red' }, '400 VALIDATION_FAILED'],
    [{ filename: 'a.jpg' }, '400 VALIDATION_FAILED'],
    [{ ...asked, userId: 'bob' }, '403 NOT_AUTHORIZED'],
  ])('refuses %j with %s, and writes nothing', async (json, expected) => {
    const before = await world.everything()
    expect(await refusal(await app.call('POST', '/uploads', { json }))).toBe(expected)
    expect(await world.everything()).toEqual(before)
  })

  it('lets a service begin an upload for any user', async () => {
    expect((await begin({ ...asked, userId: 'bob' }, { scope: 'images:service' })).image.userId).toBe('bob')
  })

  it('lets the browser send no more than it announced', async () => {
    const begun = await begin({ ...asked, bytes: 1000 })
    expect(await send(begun, Buffer.alloc(1001))).toBeGreaterThanOrEqual(400)
    expect(await refusal(await complete(begun.image.id))).toBe('409 UPLOAD_INCOMPLETE')
  })
})

describe('POST /uploads/:id/complete', () => {
  it('tells the browser why a file is refused, although the event of the store came first', async () => {
    const begun = await begin()
    await send(begun, Buffer.from('no image at all'))
    await expect(app.complete(begun.image.id)).rejects.toMatchObject({ code: 'INVALID_FILE_TYPE' })
    expect(await refusal(await complete(begun.image.id))).toBe('400 INVALID_FILE_TYPE')
    expect(await partsOf(begun.image.id)).toEqual([])
  })

  it('finds the file of an image whose visibility and focal point were changed before', async () => {
    const begun = await begin()
    await send(begun, photograph())
    const json = { version: 1, visibility: 'private', focalPoint: { x: 0, y: 0 } }
    expect((await app.call('PATCH', `/images/${begun.image.id}`, { json })).status).toBe(200)
    const response = await complete(begun.image.id)
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({ visibility: 'private', processingStatus: 'completed' })
  })

  it('looks at the file, and answers with the completed image', async () => {
    const begun = await begin()
    expect(await send(begun, photograph())).toBe(204)
    const response = await complete(begun.image.id)
    expect(response.status).toBe(200)
    expect(response.headers.get('etag')).toBe('"2"')
    const image = (await response.json()) as ImageView
    expect(image).toMatchObject({
      processingStatus: 'completed',
      width: 1024,
      height: 750,
      fileSize: photograph().length,
      version: 2,
    })
    expect(image.imageUrl).toContain(`r=${image.rev}`)
    expect(await partsOf(image.id)).toEqual([`IMAGE#${image.id}`, image.s3Key])
    const { images } = (await (await app.call('GET', '/images')).json()) as { images: ImageView[] }
    expect(images.map(({ id }) => id)).toContain(image.id)
  })

  it('answers a second time with the same image', async () => {
    const begun = await begin()
    await send(begun, photograph())
    const first: unknown = await (await complete(begun.image.id)).json()
    const second = await complete(begun.image.id)
    expect(second.status).toBe(200)
    expect(await second.json()).toEqual(first)
  })

  it('completes once when asked by browser and event at the same time', async () => {
    for (let round = 0; round < 5; round++) {
      const begun = await begin()
      await send(begun, photograph())
      const [one, two, record] = await Promise.all([
        complete(begun.image.id),
        complete(begun.image.id),
        app.complete(begun.image.id),
      ])
      expect([one.status, two.status]).toEqual([200, 200])
      expect(await one.json()).toMatchObject({ s3Key: record.s3Key, version: 2 })
      expect(await partsOf(begun.image.id)).toEqual([`IMAGE#${begun.image.id}`, record.s3Key])
    }
  })

  it('completes over a change of the pending image', async () => {
    const begun = await begin()
    await send(begun, photograph())
    const changes = app.call('PATCH', `/images/${begun.image.id}`, {
      json: { title: 'meanwhile' },
      headers: { 'if-match': '*' },
    })
    const [response, patched] = await Promise.all([complete(begun.image.id), changes])
    expect(response.status).toBe(200)
    expect([200, 409]).toContain(patched.status)
    const image = (await (await app.call('GET', `/images/${begun.image.id}`)).json()) as ImageView
    expect(image.processingStatus).toBe('completed')
    expect(image.title).toBe(patched.status === 200 ? 'meanwhile' : null)
  })

  it('answers 409 while the file is missing, and works once it is there', async () => {
    const begun = await begin()
    expect(await refusal(await complete(begun.image.id))).toBe('409 UPLOAD_INCOMPLETE')
    await send(begun, photograph())
    expect((await complete(begun.image.id)).status).toBe(200)
  })

  it.each([
    ['a text', Buffer.from('no image'), 'INVALID_FILE_TYPE'],
    ['a photograph cut off', photograph().subarray(0, 200_000), 'IMAGE_UNPROCESSABLE'],
    ['a bomb', bomb(), 'IMAGE_UNPROCESSABLE'],
  ])('refuses %s, and removes file and pending image', async (_, file, code) => {
    const begun = await begin()
    await send(begun, file)
    expect((await problemIn(await complete(begun.image.id))).code).toBe(code)
    expect(await partsOf(begun.image.id)).toEqual([])
    expect(await refusal(await complete(begun.image.id))).toBe('404 IMAGE_NOT_FOUND')
  })

  it('refuses a file above the limit, however it came there', async () => {
    const { limits } = app.deps
    const strict = await createTestApi(world, { limits: { ...limits, directUploadBytesMax: 100_000 } })
    const begun = await begin()
    await send(begun, photograph())
    const response = await strict.call('POST', `/uploads/${begun.image.id}/complete`)
    expect(await refusal(response)).toBe('413 IMAGE_TOO_LARGE')
    expect(await partsOf(begun.image.id)).toEqual([])
  })

  it('is for the owner, and for uploads that there are', async () => {
    const begun = await begin()
    expect(await refusal(await complete(begun.image.id, { as: 'bob' }))).toBe('403 NOT_AUTHORIZED')
    expect(await refusal(await complete('01JD0R3XW6ZQJ5Y5T1V9N4K8MH'))).toBe('404 IMAGE_NOT_FOUND')
  })

  it('refuses to replace the original of an image that has none yet', async () => {
    const begun = await begin()
    const body = new Uint8Array(photograph())
    const response = await app.call('PUT', `/images/${begun.image.id}/original`, {
      body,
      headers: { 'content-type': 'image/jpeg' },
    })
    expect(await refusal(response)).toBe('409 UPLOAD_INCOMPLETE')
  })

  it('lets a pending image be deleted, with its file', async () => {
    const begun = await begin()
    await send(begun, photograph())
    expect((await app.call('DELETE', `/images/${begun.image.id}`)).status).toBe(204)
    expect(await keysIn(world.originals, pendingKey(begun.image.id))).toEqual([])
    expect(await refusal(await complete(begun.image.id))).toBe('404 IMAGE_NOT_FOUND')
  })
})

describe('an upload that is never completed', () => {
  it('is gone after an hour, and swept with its file', async () => {
    const begun = await begin()
    await send(begun, photograph())
    world.advance(3601)
    expect(await refusal(await complete(begun.image.id))).toBe('404 IMAGE_NOT_FOUND')
    world.advance(15 * 60)
    await app.tidy.sweepIntents()
    expect((await world.everything()).filter((key) => key.includes(begun.image.id))).toEqual([])
  })

  it('is left alone until then, also by a sweep at the start of the process', async () => {
    const begun = await begin()
    await send(begun, photograph())
    expect(await app.tidy.tidyImage(begun.image.id)).toBe('waiting')
    await app.tidy.sweepIntents({ openedBefore: world.now() })
    world.advance(30 * 60)
    await app.tidy.sweepIntents()
    expect((await complete(begun.image.id)).status).toBe(200)
  })

  it('leaves no file when the browser sends one more after completion', async () => {
    const begun = await begin()
    await send(begun, photograph())
    const image = (await (await complete(begun.image.id)).json()) as ImageView
    await app.settled()
    expect(await send(begun, await plainPng(100, 100))).toBe(204)
    world.advance(76 * 60)
    await app.tidy.sweepIntents()
    expect((await world.everything()).filter((key) => key.includes(image.id))).toEqual([
      `IMAGE#${image.id}`,
      image.s3Key,
    ])
  })
})
