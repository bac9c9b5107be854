import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { ImageView } from './image-view.ts'
import { photograph } from './testing/pictures.ts'
import {
  type CallOptions,
  createTestApi,
  createTestWorld,
  formOf,
  type FormOptions,
  keysIn,
  refusal,
  type TestApi,
  type TestWorld,
} from './testing/test-api.ts'

let world: TestWorld
let app: TestApi
let serial = 0

beforeAll(async () => {
  world = await createTestWorld()
  return world.stop
})

beforeEach(async () => {
  app = await createTestApi(world)
})

const newKey = (): string => `key-${++serial}`

const post = (key: string, file: Uint8Array, options: FormOptions & CallOptions = {}) =>
  app.call('POST', '/images', {
    ...options,
    headers: { 'idempotency-key': key },
    body: formOf(file, options),
  })

const begin = (key: string, json: object) =>
  app.call('POST', '/uploads', { json, headers: { 'idempotency-key': key } })

const asked = { filename: 'photo.jpg', mimeType: 'image/jpeg', bytes: 400_000 }

describe('Idempotency-Key on POST /images', () => {
  it('gives the same answer to the same request, and makes one image', async () => {
    const key = newKey()
    const first = await post(key, photograph(), { fields: [['tags', 'a,b']] })
    // The same meaning in other words.
    const second = await post(key, photograph(), { fields: [['tags', '["a","b"]']] })
    expect([first.status, second.status]).toEqual([201, 201])
    const image = (await first.json()) as ImageView
    expect(await second.json()).toEqual(image)
    expect(second.headers.get('location')).toBe(first.headers.get('location'))
    await app.settled()
    expect(await keysIn(world.originals, `o/${image.id}/`)).toEqual([image.s3Key])
  })

  it('refuses the same key for another file, other fields, or another route', async () => {
    const key = newKey()
    await post(key, photograph(0))
    expect(await refusal(await post(key, photograph(1)))).toBe('422 IDEMPOTENCY_KEY_REUSED')
    expect(await refusal(await post(key, photograph(0), { fields: [['title', 'x']] }))).toBe(
      '422 IDEMPOTENCY_KEY_REUSED',
    )
    expect(await refusal(await begin(key, asked))).toBe('422 IDEMPOTENCY_KEY_REUSED')
  })

  it('keeps the keys of users apart', async () => {
    const key = newKey()
    const [one, two] = [
      await post(key, photograph(), { as: 'ann' }),
      await post(key, photograph(), { as: 'bob' }),
    ]
    expect(((await one.json()) as ImageView).id).not.toBe(((await two.json()) as ImageView).id)
  })

  it('makes one image of requests at the same time', async () => {
    for (let round = 0; round < 4; round++) {
      const key = newKey()
      const responses = await Promise.all(Array.from({ length: 6 }, () => post(key, photograph())))
      expect(responses.map(({ status }) => status)).toEqual(Array.from({ length: 6 }, () => 201))
      const images = (await Promise.all(responses.map((response) => response.json()))) as ImageView[]
      expect(new Set(images.map(({ id, s3Key }) => `${id} ${s3Key}`)).size).toBe(1)
      await app.settled()
      const { id, s3Key } = images[0]!
      const left = (await world.everything()).filter((item) => item.includes(id))
      expect(left).toEqual([`IMAGE#${id}`, s3Key])
    }
  })

  it('does not count a refused request as the first', async () => {
    const key = newKey()
    expect(await refusal(await post(key, Buffer.from('text')))).toBe('400 INVALID_FILE_TYPE')
    expect((await post(key, photograph())).status).toBe(201)
  })

  it('answers 404 when the image was deleted since, and brings nothing back', async () => {
    const key = newKey()
    const { id } = (await (await post(key, photograph())).json()) as ImageView
    await app.call('DELETE', `/images/${id}`)
    expect(await refusal(await post(key, photograph()))).toBe('404 IMAGE_NOT_FOUND')
    await app.settled()
    expect(await keysIn(world.originals, `o/${id}/`)).toEqual([])
  })

  it('forgets a key after a day', async () => {
    const key = newKey()
    const first = (await (await post(key, photograph())).json()) as ImageView
    world.advance(24 * 3600 + 1)
    const second = (await (await post(key, photograph())).json()) as ImageView
    expect(second.id).not.toBe(first.id)
  })

  it('refuses a key that is none', async () => {
    expect(await refusal(await post('x'.repeat(256), photograph()))).toBe('400 VALIDATION_FAILED')
  })
})

describe('Idempotency-Key on POST /uploads', () => {
  interface Begun {
    image: ImageView
    upload: object | null
  }
  const beginning = async (key: string, json: object = asked): Promise<Begun> => {
    const response = await begin(key, json)
    expect(response.status).toBe(201)
    return (await response.json()) as Begun
  }

  it('gives the same upload to the same request, also at the same time', async () => {
    const key = newKey()
    const all = await Promise.all(Array.from({ length: 5 }, () => beginning(key)))
    all.push(await beginning(key, { bytes: 400_000, mimeType: 'image/jpeg', filename: 'photo.jpg' }))
    expect(new Set(all.map(({ image }) => image.id)).size).toBe(1)
    expect(all.every(({ upload }) => upload !== null)).toBe(true)
    expect(await refusal(await begin(key, { ...asked, bytes: 1 }))).toBe('422 IDEMPOTENCY_KEY_REUSED')
  })

  it('gives no leave to upload once it is completed', async () => {
    const key = newKey()
    const { image } = await beginning(key)
    await world.originals.put(`pending/${image.id}`, photograph(), { contentType: 'image/jpeg' })
    await app.call('POST', `/uploads/${image.id}/complete`)
    const again = await beginning(key)
    expect(again.upload).toBeNull()
    expect(again.image).toMatchObject({ id: image.id, processingStatus: 'completed' })
  })

  it('begins anew when the upload has expired', async () => {
    const key = newKey()
    const first = await beginning(key)
    world.advance(3601)
    const second = await beginning(key)
    expect(second.image.id).toBe(first.image.id)
    expect((await app.call('GET', `/images/${second.image.id}`)).status).toBe(200)
  })
})
