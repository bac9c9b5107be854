import { createHash } from 'node:crypto'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { ImageRecord } from '../core/image.ts'
import type { ImageView } from './image-view.ts'
import { newRecord } from './new-record.ts'
import { photograph, plainPng } from './testing/pictures.ts'
import {
  type CallOptions,
  createTestApi,
  createTestWorld,
  formOf,
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

async function imageIn(response: Response): Promise<ImageView> {
  expect(response.status).toBe(200)
  return (await response.json()) as ImageView
}

/** Variants and masters as the origin stores them. */
async function renderVariants(image: Pick<ImageView, 'id' | 'rev'>): Promise<void> {
  const keys = [
    `v/${image.id}/${image.rev}/1-w640-q2.webp`,
    `v/${image.id}/_/1-w640-q2.webp`,
    `m/${image.id}/${image.rev}.jpg`,
  ]
  for (const key of keys) await world.variants.put(key, Buffer.from(key), { contentType: 'image/webp' })
}

async function variantsOf(id: string): Promise<string[]> {
  return [...(await keysIn(world.variants, `v/${id}/`)), ...(await keysIn(world.variants, `m/${id}/`))]
}

/** A record made by the migration, its original where the legacy system had put it. */
async function migrated(id: string): Promise<ImageRecord> {
  const file = photograph()
  const record = newRecord('2021-03-04T05:06:07.123456Z', {
    id,
    userId: 'ann',
    originalFilename: 'old.jpg',
    mimeType: 'image/jpeg',
    fileSize: file.length,
    s3Bucket: world.originals.bucket,
    s3Key: `images/2021/${id}.jpg`,
  })
  await world.originals.put(record.s3Key, file, { contentType: 'image/jpeg' })
  await world.metadata.create(record)
  return record
}

describe('GET /images/:id', () => {
  it('answers with the same image as the upload did', async () => {
    const image = await app.upload(photograph())
    const response = await app.call('GET', `/images/${image.id}`)
    expect(response.headers.get('etag')).toBe('"1"')
    expect(await response.json()).toEqual(image)
  })

  it('takes an id in either case', async () => {
    const image = await app.upload(photograph())
    expect((await imageIn(await app.call('GET', `/images/${image.id.toLowerCase()}`))).id).toBe(image.id)
  })

  it('answers 304 without a body while the version is the same', async () => {
    const { id } = await app.upload(photograph())
    for (const tag of ['"1"', 'W/"1"', '"7", "1"', '*']) {
      const response = await app.call('GET', `/images/${id}`, { headers: { 'if-none-match': tag } })
      expect([tag, response.status, await response.text()]).toEqual([tag, 304, ''])
      expect(response.headers.get('etag')).toBe('"1"')
    }
    await app.call('PATCH', `/images/${id}`, { json: { version: 1, title: 'x' } })
    expect((await app.call('GET', `/images/${id}`, { headers: { 'if-none-match': '"1"' } })).status).toBe(200)
  })

  it('shows a migrated image without what was never known of it', async () => {
    const { id } = await migrated('6f1f7c3e-5a4e-4b1e-9d5f-3f1c2b7a9e01')
    const image = await imageIn(await app.call('GET', `/images/${id.toUpperCase()}`))
    expect(image).toMatchObject({
      width: null,
      aspectRatio: null,
      srcset: null,
      sizes: null,
      rev: null,
      uploadedAt: '2021-03-04T05:06:07.123456Z',
      imageUrl: `https://img.test/i/${id}?preset=full`,
      thumbnailUrl: `https://img.test/i/${id}?preset=thumb`,
    })
  })

  it('answers 404 for what is not there, and for an id that can be none', async () => {
    expect(await refusal(await app.call('GET', '/images/01JD0R3XW6ZQJ5Y5T1V9N4K8MH'))).toBe(
      '404 IMAGE_NOT_FOUND',
    )
    expect(await refusal(await app.call('GET', '/images/nonsense'))).toBe('404 IMAGE_NOT_FOUND')
  })

  it('is for the owner and administrators', async () => {
    const { id } = await app.upload(photograph())
    expect(await refusal(await app.call('GET', `/images/${id}`, { as: 'bob' }))).toBe('403 NOT_AUTHORIZED')
    expect(await refusal(await app.call('GET', `/images/${id}`, { as: 'bob', scope: 'images:adminx' }))).toBe(
      '403 NOT_AUTHORIZED',
    )
    expect(
      (await app.call('GET', `/images/${id}`, { as: 'root', scope: 'openid images:admin' })).status,
    ).toBe(200)
  })
})

describe('PATCH /images/:id', () => {
  it('changes what is named, clears what is null, and leaves the rest', async () => {
    const { id } = await app.upload(photograph(), {
      fields: [
        ['title', 'a'],
        ['altText', 'b'],
        ['tags', 't'],
      ],
    })
    world.advance(1)
    const json = { version: 1, title: null, description: 'd', focalPoint: { x: 0.25, y: 1 }, albumId: 'al' }
    const response = await app.call('PATCH', `/images/${id}`, { json })
    expect(response.headers.get('etag')).toBe('"2"')
    const image = await imageIn(response)
    expect(image).toMatchObject({ ...json, version: 2, altText: 'b', tags: ['t'] })
    expect(image.updatedAt > image.createdAt).toBe(true)
    expect(await imageIn(await app.call('GET', `/images/${id}`))).toEqual(image)
  })

  it('takes the version from If-Match as well', async () => {
    const { id } = await app.upload(photograph())
    const headers = { 'if-match': '"1"' }
    expect(
      (await imageIn(await app.call('PATCH', `/images/${id}`, { json: { title: 'x' }, headers }))).version,
    ).toBe(2)
    const any = { 'if-match': '*' }
    expect(
      (await imageIn(await app.call('PATCH', `/images/${id}`, { json: { title: 'y' }, headers: any })))
        .version,
    ).toBe(3)
  })

  it('refuses a stale version and tells the current one', async () => {
    const { id } = await app.upload(photograph())
    await app.call('PATCH', `/images/${id}`, { json: { version: 1, title: 'first' } })
    for (const options of [
      { json: { version: 1, title: 'second' } },
      { json: { title: 'second' }, headers: { 'if-match': '"1"' } },
    ]) {
      const problem = await problemIn(await app.call('PATCH', `/images/${id}`, options))
      expect(problem).toMatchObject({ status: 409, code: 'VERSION_MISMATCH', currentVersion: 2 })
    }
    expect((await imageIn(await app.call('GET', `/images/${id}`))).title).toBe('first')
  })

  it('lets one of two win who change the same version at once', async () => {
    const { id } = await app.upload(photograph())
    const change = (title: string) => app.call('PATCH', `/images/${id}`, { json: { version: 1, title } })
    const statuses = (await Promise.all(['a', 'b', 'c', 'd'].map(change))).map(({ status }) => status)
    expect(statuses.toSorted()).toEqual([200, 409, 409, 409])
  })

  it.each([
    ['no version', { title: 'x' }, 'version'],
    ['nothing to change', { version: 1 }, ''],
    ['an unknown member', { version: 1, colour: 'red' }, 'colour'],
    ['a member that is not to be changed', { version: 1, userId: 'bob' }, 'userId'],
    ['an unknown member in a member', { version: 1, focalPoint: { x: 0, y: 0, z: 0 } }, 'focalPoint.z'],
    ['a focal point outside', { version: 1, focalPoint: { x: 1.1, y: 0 } }, 'focalPoint.x'],
    ['half a character', { version: 1, title: '\ud800' }, 'title'],
    ['no object', [1], ''],
  ])('refuses %s and names it', async (_, json, path) => {
    const { id } = await app.upload(await plainPng(100, 100))
    const { code, errors } = await problemIn(await app.call('PATCH', `/images/${id}`, { json }))
    expect(code).toBe('VALIDATION_FAILED')
    expect(errors?.map((error) => error.path)).toContain(path)
  })

  it('refuses malformed JSON, another media type, and a body that is too long', async () => {
    const { id } = await app.upload(await plainPng(100, 100))
    const patch = async (body: string, contentType = 'application/json') =>
      refusal(await app.call('PATCH', `/images/${id}`, { body, headers: { 'content-type': contentType } }))
    expect(await patch('{"version": 1,')).toBe('400 VALIDATION_FAILED')
    expect(await patch('{}', 'text/plain')).toBe('415 UNSUPPORTED_MEDIA_TYPE')
    expect(await patch(`{"title":"${'x'.repeat(200_000)}"}`)).toBe('400 VALIDATION_FAILED')
  })

  it('refuses a version in the body that differs from If-Match, and an If-Match that is no version', async () => {
    const { id } = await app.upload(await plainPng(100, 100))
    const patch = async (tag: string) =>
      refusal(
        await app.call('PATCH', `/images/${id}`, {
          json: { version: 1, title: 'x' },
          headers: { 'if-match': tag },
        }),
      )
    expect(await patch('"2"')).toBe('400 VALIDATION_FAILED')
    expect(await patch('"abc"')).toBe('400 VALIDATION_FAILED')
    expect(await patch('"1", "2"')).toBe('400 VALIDATION_FAILED')
  })

  it('is for the owner, administrators and services', async () => {
    const { id } = await app.upload(await plainPng(100, 100))
    const patch = (version: number, scope?: string) =>
      app.call('PATCH', `/images/${id}`, {
        as: 'bob',
        json: { version, title: 'x' },
        ...(scope && { scope }),
      })
    expect(await refusal(await patch(1))).toBe('403 NOT_AUTHORIZED')
    expect((await patch(1, 'images:admin')).status).toBe(200)
    expect((await patch(2, 'images:service')).status).toBe(200)
    expect(
      await refusal(await app.call('PATCH', '/images/nonsense', { json: { version: 1, title: 'x' } })),
    ).toBe('404 IMAGE_NOT_FOUND')
  })

  it('takes a picture that becomes private out of bucket and CDN, and signs its URLs', async () => {
    const image = await app.upload(photograph())
    await renderVariants(image)
    const changed = await imageIn(
      await app.call('PATCH', `/images/${image.id}`, { json: { version: 1, visibility: 'private' } }),
    )
    const url = new RegExp(
      `^https://img\\.test/p/${image.id}\\?r=${image.rev}&.*&e=\\d{10}&s=a\\.3816\\.awjp\\.`,
    )
    for (const each of [changed.imageUrl, changed.thumbnailUrl, ...changed.srcset!.split(', ')]) {
      expect(each).toMatch(url)
    }
    expect(await variantsOf(image.id)).toEqual([`m/${image.id}/${image.rev}.jpg`])
    expect(app.purged).toEqual([image.id])
    // The 404 that it was answered with meanwhile is cached too.
    await app.call('PATCH', `/images/${image.id}`, { json: { version: 2, visibility: 'public' } })
    expect(app.purged).toEqual([image.id, image.id])
    expect(await world.originals.head(image.s3Key)).not.toBeNull()
  })

  it('gives a picture with a new focal point a new revision, and takes the old crops away', async () => {
    const image = await app.upload(photograph(0))
    await renderVariants(image)
    const patch = async (version: number, focalPoint: { x: number; y: number } | null) =>
      imageIn(await app.call('PATCH', `/images/${image.id}`, { json: { version, focalPoint } }))

    const left = await patch(1, { x: 0, y: 0.5 })
    expect(left.rev).toMatch(/^[0-9a-f]{8}$/)
    expect(left.rev).not.toBe(image.rev)
    expect(left.thumbnailUrl).toContain(`r=${left.rev}`)
    expect(await variantsOf(image.id)).toEqual([])
    expect(app.purged).toEqual([image.id])

    const right = await patch(2, { x: 1, y: 0.5 })
    expect(new Set([image.rev, left.rev, right.rev]).size).toBe(3)
    expect((await patch(3, { x: 0, y: 0.5 })).rev).toBe(left.rev)
    expect((await patch(4, null)).rev).toBe(image.rev)
  })

  it('keeps the focal point, and a revision that tells of it, when the original is replaced', async () => {
    const image = await app.upload(photograph(0))
    const focused = await imageIn(
      await app.call('PATCH', `/images/${image.id}`, { json: { version: 1, focalPoint: { x: 0, y: 0 } } }),
    )
    const file = await plainPng(300, 200)
    const replaced = await imageIn(
      await app.call('PUT', `/images/${image.id}/original`, { body: formOf(file) }),
    )
    expect(replaced.focalPoint).toEqual({ x: 0, y: 0 })
    expect([image.rev, focused.rev, replaced.sha256?.slice(0, 8)]).not.toContain(replaced.rev)
    const json = { version: replaced.version, focalPoint: null }
    const centred = await imageIn(await app.call('PATCH', `/images/${image.id}`, { json }))
    expect(centred.rev).toBe(replaced.sha256?.slice(0, 8))
  })

  it('touches no object where the visibility stays', async () => {
    const image = await app.upload(photograph())
    await renderVariants(image)
    await app.call('PATCH', `/images/${image.id}`, { json: { version: 1, title: 'x', visibility: 'public' } })
    expect(await variantsOf(image.id)).toHaveLength(3)
    expect(app.purged).toEqual([])
  })
})

describe('a body nested out of all measure', () => {
  it('is refused like any other that is not what it should be', async () => {
    const { id } = await app.upload(photograph())
    const body = `{"version":1,"title":${'['.repeat(20_000)}${']'.repeat(20_000)}}`
    const headers = { 'content-type': 'application/json' }
    expect(await refusal(await app.call('PATCH', `/images/${id}`, { body, headers }))).toBe(
      '400 VALIDATION_FAILED',
    )
  })
})

describe('GET of a private image', () => {
  it('answers in full although the version is known, for its URLs expire', async () => {
    const { id } = await app.upload(photograph())
    const patched = await app.call('PATCH', `/images/${id}`, { json: { version: 1, visibility: 'private' } })
    const headers = { 'if-none-match': patched.headers.get('etag')! }
    world.advance(7200)
    const later = await imageIn(await app.call('GET', `/images/${id}`, { headers }))
    const expiry = Number(/[?&]e=(\d+)/.exec(later.imageUrl!)![1])
    expect(expiry * 1000).toBeGreaterThan(world.now())
  })
})

describe('POST /images/:id/signatures', () => {
  it('signs up to a rung, in the order of the formats, until the asked time', async () => {
    const { id } = await app.upload(photograph())
    const json = { maxWidth: 601, formats: ['jpeg', 'avif'], expiresInSeconds: 60 }
    const response = await app.call('POST', `/images/${id}/signatures`, { json })
    expect(response.status).toBe(201)
    const issued = (await response.json()) as { path: string; query: string; expiresAt: string }
    expect(issued).toMatchObject({ path: `/p/${id}`, maxWidth: 640, formats: ['avif', 'jpeg'] })
    const seconds = Date.parse(issued.expiresAt) / 1000
    expect(Math.abs(seconds - world.now() / 1000 - 60)).toBeLessThan(30)
    expect(issued.query).toMatch(new RegExp(`^e=${seconds}&s=a\\.640\\.aj\\.[\\w-]{43}$`))
  })

  it('signs for owners and administrators only, and nothing out of bounds', async () => {
    const { id } = await app.upload(photograph())
    const issue = (json: object, more: CallOptions = {}) =>
      app.call('POST', `/images/${id}/signatures`, { json, ...more })
    expect((await issue({})).status).toBe(201)
    expect(await refusal(await issue({}, { as: 'somebody' }))).toBe('403 NOT_AUTHORIZED')
    expect((await issue({}, { as: 'somebody', scope: 'images:admin' })).status).toBe(201)
    for (const json of [
      { maxWidth: 0 },
      { formats: [] },
      { formats: ['gif'] },
      { expiresInSeconds: 700_000 },
      { x: 1 },
    ]) {
      expect(await refusal(await issue(json))).toBe('400 VALIDATION_FAILED')
    }
  })
})

describe('PUT /images/:id/original', () => {
  it('brings new facts, removes what belonged to the old picture, and keeps the rest', async () => {
    const image = await app.upload(photograph(0), { fields: [['title', 'kept']] })
    await renderVariants(image)
    const file = await plainPng(300, 200)
    const response = await app.call('PUT', `/images/${image.id}/original`, {
      body: formOf(file, { filename: 'new.png' }),
    })
    const replaced = await imageIn(response)
    const sha256 = createHash('sha256').update(file).digest('hex')
    expect(replaced).toMatchObject({
      title: 'kept',
      version: 2,
      width: 300,
      height: 200,
      mimeType: 'image/png',
      originalFilename: 'new.png',
      uploadedAt: image.uploadedAt,
      sha256,
      rev: sha256.slice(0, 8),
    })
    expect(replaced.imageUrl).toContain(`r=${replaced.rev}`)
    expect(response.headers.get('etag')).toBe('"2"')
    expect(await keysIn(world.originals, `o/${image.id}/`)).toEqual([replaced.s3Key])
    expect(await variantsOf(image.id)).toEqual([])
    expect(app.purged).toEqual([image.id])
  })

  it('takes the bare bytes as well, and then keeps the name', async () => {
    const image = await app.upload(photograph(0))
    const body = new Uint8Array(await plainPng(300, 200))
    const headers = { 'content-type': 'image/png', 'if-match': '"1"' }
    const replaced = await imageIn(await app.call('PUT', `/images/${image.id}/original`, { body, headers }))
    expect([replaced.mimeType, replaced.originalFilename]).toEqual(['image/png', 'photo.jpg'])
  })

  it('changes nothing when the picture is the same', async () => {
    const image = await app.upload(photograph(0))
    const same = await imageIn(
      await app.call('PUT', `/images/${image.id}/original`, { body: formOf(photograph(0)) }),
    )
    expect(same).toEqual(image)
    expect(await keysIn(world.originals, `o/${image.id}/`)).toEqual([image.s3Key])
  })

  it('removes the original of a migrated image from where it lay', async () => {
    const old = await migrated('7f1f7c3e-5a4e-4b1e-9d5f-3f1c2b7a9e02')
    await imageIn(await app.call('PUT', `/images/${old.id}/original`, { body: formOf(photograph(1)) }))
    expect(await world.originals.head(old.s3Key)).toBeNull()
  })

  it('refuses a stale version before and after reading the body', async () => {
    const image = await app.upload(photograph(0))
    await app.call('PATCH', `/images/${image.id}`, { json: { version: 1, title: 'x' } })
    const headers = { 'if-match': '"1"' }
    const stale = await app.call('PUT', `/images/${image.id}/original`, {
      body: formOf(photograph(1)),
      headers,
    })
    expect(await problemIn(stale)).toMatchObject({ status: 409, code: 'VERSION_MISMATCH', currentVersion: 2 })

    const racing = await Promise.all(
      [1, 2, 3].map((index) =>
        app.call('PUT', `/images/${image.id}/original`, {
          body: formOf(photograph(index)),
          headers: { 'if-match': '"2"' },
        }),
      ),
    )
    expect(racing.map(({ status }) => status).toSorted()).toEqual([200, 409, 409])
    await app.settled()
    const now = await imageIn(await app.call('GET', `/images/${image.id}`))
    expect(await keysIn(world.originals, `o/${image.id}/`)).toEqual([now.s3Key])
  })

  it('lets all succeed who name no version, the last one to stay', async () => {
    const image = await app.upload(photograph(0))
    const racing = await Promise.all(
      [1, 2, 3].map((index) =>
        app.call('PUT', `/images/${image.id}/original`, { body: formOf(photograph(index)) }),
      ),
    )
    expect(racing.map(({ status }) => status)).toEqual([200, 200, 200])
    await app.settled()
    const now = await imageIn(await app.call('GET', `/images/${image.id}`))
    expect(now.version).toBe(4)
    expect(await keysIn(world.originals, `o/${image.id}/`)).toEqual([now.s3Key])
  })

  it('ends consistent when it races a deletion', async () => {
    for (let round = 0; round < 5; round++) {
      const image = await app.upload(photograph(0))
      const [put, removed] = await Promise.all([
        app.call('PUT', `/images/${image.id}/original`, { body: formOf(photograph(1)) }),
        app.call('DELETE', `/images/${image.id}`),
      ])
      expect(removed.status).toBe(204)
      expect([200, 404]).toContain(put.status)
      await app.settled()
      expect(await world.metadata.get(image.id)).toBeNull()
      expect(await keysIn(world.originals, `o/${image.id}/`)).toEqual([])
    }
  })

  it('refuses what is no image, too large, of an unknown type, or with other fields, and changes nothing', async () => {
    const image = await app.upload(photograph(0))
    await app.settled()
    const before = await world.everything()
    const put = async (body: BodyInit, headers?: Record<string, string>) =>
      refusal(await app.call('PUT', `/images/${image.id}/original`, { body, ...(headers && { headers }) }))
    const jpeg = { 'content-type': 'image/jpeg' }
    expect(await put('no image', jpeg)).toBe('400 INVALID_FILE_TYPE')
    expect(await put(new Uint8Array(photograph(1).subarray(0, 5000)), jpeg)).toBe('422 IMAGE_UNPROCESSABLE')
    expect(await put(new Uint8Array(10 * 1024 ** 2 + 1), jpeg)).toBe('413 IMAGE_TOO_LARGE')
    expect(await put('{}', { 'content-type': 'application/json' })).toBe('415 UNSUPPORTED_MEDIA_TYPE')
    expect(await put(formOf(photograph(1), { fields: [['title', 'x']] }))).toBe('400 VALIDATION_FAILED')
    await app.settled()
    expect(await world.everything()).toEqual(before)
  })

  it('is for the owner, and for what is there', async () => {
    const { id } = await app.upload(photograph(0))
    const put = async (path: string, as: string) =>
      refusal(await app.call('PUT', path, { as, body: formOf(photograph(1)) }))
    expect(await put(`/images/${id}/original`, 'bob')).toBe('403 NOT_AUTHORIZED')
    expect(await put('/images/01JD0R3XW6ZQJ5Y5T1V9N4K8MH/original', 'ann')).toBe('404 IMAGE_NOT_FOUND')
  })
})

describe('DELETE /images/:id', () => {
  it('removes the record, the original, variants, master, and what the CDN has', async () => {
    const image = await app.upload(photograph(0))
    await renderVariants(image)
    const response = await app.call('DELETE', `/images/${image.id}`)
    expect([response.status, await response.text()]).toEqual([204, ''])
    expect(app.purged).toEqual([image.id])
    expect(await variantsOf(image.id)).toEqual([])
    expect(await keysIn(world.originals, `o/${image.id}/`)).toEqual([])
    expect(await refusal(await app.call('GET', `/images/${image.id}`))).toBe('404 IMAGE_NOT_FOUND')
    expect(await refusal(await app.call('DELETE', `/images/${image.id}`))).toBe('404 IMAGE_NOT_FOUND')
  })

  it('looks once more later, for a variant that a render stored afterwards', async () => {
    const image = await app.upload(photograph(0))
    await app.call('DELETE', `/images/${image.id}`)
    await renderVariants(image)
    world.advance(16 * 60)
    await app.tidy.sweepIntents()
    expect(await variantsOf(image.id)).toEqual([])
    expect(app.purged.filter((id) => id === image.id)).toHaveLength(2)
    expect((await world.everything()).filter((key) => key.includes(image.id))).toEqual([`IMAGE#${image.id}`])
  })

  it('removes the original of a migrated image from where it lay', async () => {
    const old = await migrated('8f1f7c3e-5a4e-4b1e-9d5f-3f1c2b7a9e03')
    expect((await app.call('DELETE', `/images/${old.id}`)).status).toBe(204)
    expect(await world.originals.head(old.s3Key)).toBeNull()
  })

  it('honours If-Match', async () => {
    const { id } = await app.upload(photograph(0))
    const stale = await app.call('DELETE', `/images/${id}`, { headers: { 'if-match': '"2"' } })
    expect(await problemIn(stale)).toMatchObject({ code: 'VERSION_MISMATCH', currentVersion: 1 })
    expect((await app.call('DELETE', `/images/${id}`, { headers: { 'if-match': '"1"' } })).status).toBe(204)
  })

  it('succeeds although the image changes at the same time', async () => {
    const { id } = await app.upload(photograph(0))
    const patches = [1, 2, 3].map((n) =>
      app.call('PATCH', `/images/${id}`, { json: { title: `t${n}` }, headers: { 'if-match': '*' } }),
    )
    const [removed] = await Promise.all([app.call('DELETE', `/images/${id}`), ...patches])
    expect(removed.status).toBe(204)
    expect(await world.metadata.get(id)).toBeNull()
  })

  it('is for the owner, administrators and services', async () => {
    const { id } = await app.upload(photograph(0))
    expect(await refusal(await app.call('DELETE', `/images/${id}`, { as: 'bob' }))).toBe('403 NOT_AUTHORIZED')
    expect((await app.call('DELETE', `/images/${id}`, { as: 'bob', scope: 'images:admin' })).status).toBe(204)
  })
})

describe('tidying', () => {
  it('keeps what belongs to an image, also where it has no revision yet', async () => {
    const image = await app.upload(photograph(0))
    const old = await migrated('9f1f7c3e-5a4e-4b1e-9d5f-3f1c2b7a9e04')
    const kept = [
      `v/${image.id}/${image.rev}/1-w640-q2.webp`,
      `m/${image.id}/${image.rev}.jpg`,
      `v/${old.id}/_/1-w640-q2.webp`,
    ]
    for (const key of kept) await world.variants.put(key, Buffer.from(key), { contentType: 'image/webp' })
    world.advance(16 * 60)
    for (const { id } of [image, old]) await app.tidy.tidyImage(id)
    for (const key of kept) expect([key, await world.variants.head(key)]).not.toEqual([key, null])
    for (const { s3Key } of [image, old]) expect(await world.originals.head(s3Key)).not.toBeNull()
  })
})

describe('where originals are retained', () => {
  it('keeps replaced and deleted ones, also after sweeping, and removes everything else', async () => {
    const retaining = await createTestApi(world, { retainOriginals: true })
    const image = await retaining.upload(photograph(0))
    await renderVariants(image)
    const replaced = await imageIn(
      await retaining.call('PUT', `/images/${image.id}/original`, { body: formOf(photograph(1)) }),
    )
    expect((await retaining.call('DELETE', `/images/${image.id}`)).status).toBe(204)
    await retaining.settled()
    world.advance(16 * 60)
    await retaining.tidy.sweepIntents()
    const kept = [image.s3Key, replaced.s3Key].toSorted()
    expect(await keysIn(world.originals, `o/${image.id}/`)).toEqual(kept)
    expect(await variantsOf(image.id)).toEqual([])
  })
})

describe('GET /images', () => {
  interface Listed {
    images: ImageView[]
    pagination: { limit: number; hasMore: boolean; nextCursor: string | null }
  }
  const list = async (query: string, options = {}): Promise<Listed> => {
    const response = await app.call('GET', `/images${query}`, options)
    expect(response.status).toBe(200)
    return (await response.json()) as Listed
  }
  const titles = ({ images }: Listed) => images.map(({ title }) => title)

  beforeAll(async () => {
    const seeding = await createTestApi(world)
    for (let n = 0; n < 25; n++) {
      world.advance(1)
      const fields: [string, string][] = [
        ['title', `t${n}`],
        ['tags', n % 5 === 0 ? 'fifth' : 'other'],
      ]
      if (n < 7) fields.push(['albumId', 'shared'])
      await seeding.upload(await plainPng(100, 100), { as: 'lister', fields })
    }
    await seeding.upload(await plainPng(100, 100), {
      as: 'other',
      fields: [
        ['title', 'foreign'],
        ['albumId', 'shared'],
      ],
    })
  })

  it('gives the own images, newest first, twenty to a page', async () => {
    const first = await list('', { as: 'lister' })
    expect(titles(first)).toEqual(Array.from({ length: 20 }, (_, n) => `t${24 - n}`))
    expect(first.pagination).toMatchObject({ limit: 20, hasMore: true })
    const second = await list(`?cursor=${first.pagination.nextCursor}`, { as: 'lister' })
    expect(titles(second)).toEqual(['t4', 't3', 't2', 't1', 't0'])
    expect(second.pagination).toEqual({ limit: 20, hasMore: false, nextCursor: null })
  })

  it('gives oldest first when asked, page by page and each once', async () => {
    const seen: (string | null)[] = []
    let cursor = ''
    for (;;) {
      const page = await list(`?limit=7&sortOrder=asc${cursor}`, { as: 'lister' })
      seen.push(...titles(page))
      if (!page.pagination.hasMore) break
      cursor = `&cursor=${page.pagination.nextCursor}`
    }
    expect(seen).toEqual(Array.from({ length: 25 }, (_, n) => `t${n}`))
  })

  it('filters by tag and by album', async () => {
    expect(titles(await list('?tag=fifth', { as: 'lister' }))).toEqual(['t20', 't15', 't10', 't5', 't0'])
    expect(titles(await list('?albumId=shared&sortOrder=asc&limit=100', { as: 'lister' }))).toEqual(
      Array.from({ length: 7 }, (_, n) => `t${n}`),
    )
    expect(titles(await list('?albumId=shared&tag=fifth', { as: 'lister' }))).toEqual(['t5', 't0'])
  })

  it("shows others' images to administrators only", async () => {
    const admin = { as: 'root', scope: 'images:admin' }
    expect(titles(await list('?albumId=shared', admin))).toHaveLength(8)
    expect(titles(await list('?userId=other', admin))).toEqual(['foreign'])
    expect(titles(await list('?albumId=shared&userId=other', admin))).toEqual(['foreign'])
    expect(titles(await list('', admin))).toEqual([])
    expect(titles(await list('?userId=lister&limit=1', { as: 'lister' }))).toEqual(['t24'])
    expect(await refusal(await app.call('GET', '/images?userId=other', { as: 'lister' }))).toBe(
      '403 NOT_AUTHORIZED',
    )
  })

  it('does not list what is pending or deleted', async () => {
    await app.call('POST', '/uploads', {
      as: 'eve',
      json: { filename: 'a.jpg', mimeType: 'image/jpeg', bytes: 10 },
    })
    const { id } = await app.upload(await plainPng(100, 100), { as: 'eve' })
    expect((await list('', { as: 'eve' })).images.map((image) => image.id)).toEqual([id])
    await app.call('DELETE', `/images/${id}`, { as: 'eve' })
    expect((await list('', { as: 'eve' })).images).toEqual([])
  })

  it.each(['limit=0', 'limit=101', 'limit=x', 'sortOrder=up', 'tag=', 'colour=red'])(
    'refuses ?%s',
    async (query) => {
      expect(await refusal(await app.call('GET', `/images?${query}`))).toBe('400 VALIDATION_FAILED')
    },
  )

  it('refuses a cursor that is made up, altered, or of another list', async () => {
    const { pagination } = await list('?limit=2', { as: 'lister' })
    const cursor = pagination.nextCursor!
    const [payload = '', signature = ''] = cursor.split('.')
    const later = Buffer.from(JSON.stringify(['2999-01-01T00:00:00.000Z', 'x'])).toString('base64url')
    const cases: [string, object][] = [
      ['?cursor=garbage', { as: 'lister' }],
      ['?cursor=.', { as: 'lister' }],
      [`?cursor=${payload}`, { as: 'lister' }],
      [`?cursor=${later}.${signature}`, { as: 'lister' }],
      [`?cursor=${cursor}`, { as: 'other' }],
      [`?cursor=${cursor}&sortOrder=asc`, { as: 'lister' }],
      [`?cursor=${cursor}&tag=fifth`, { as: 'lister' }],
      [`?cursor=${cursor}&albumId=shared`, { as: 'lister' }],
      [`?cursor=${cursor}&userId=lister`, { as: 'root', scope: 'images:admin' }],
    ]
    for (const [query, options] of cases) {
      expect([query, await refusal(await app.call('GET', `/images${query}`, options))]).toEqual([
        query,
        '400 INVALID_CURSOR',
      ])
    }
    expect(titles(await list(`?limit=3&cursor=${cursor}`, { as: 'lister' }))).toEqual(['t22', 't21', 't20'])
  })
})
