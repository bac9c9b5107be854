import { createHash } from 'node:crypto'
import { beforeAll, describe, expect, it } from 'vitest'
import { loadSharp } from '../runtime/sharp.ts'
import type { ImageView } from './image-view.ts'
import { bomb, photograph, pictureAs, plainPng } from './testing/pictures.ts'
import {
  cdnUrl,
  createTestApi,
  createTestWorld,
  formOf,
  type FormOptions,
  problemIn,
  refusal,
  type TestApi,
  type TestWorld,
  tokenFor,
} from './testing/test-api.ts'

let world: TestWorld
let app: TestApi

beforeAll(async () => {
  world = await createTestWorld()
  app = await createTestApi(world)
  return world.stop
})

async function post(file: Uint8Array, options: FormOptions & { scope?: string } = {}): Promise<Response> {
  return app.call('POST', '/images', { body: formOf(file, options), ...options })
}

/** The refusal of a file, after checking that it left nothing behind. */
async function refused(file: Uint8Array, options: FormOptions = {}): Promise<string> {
  await app.settled()
  const before = await world.everything()
  const answer = await refusal(await post(file, options))
  await app.settled()
  expect(await world.everything()).toEqual(before)
  return answer
}

describe('POST /images', () => {
  it('answers 201 with the record, all that was found out about the file, and its URLs', async () => {
    const file = photograph()
    const fields: FormOptions['fields'] = [
      ['albumId', 'album-1'],
      ['title', 'Black Canyon'],
      ['description', ''],
      ['altText', 'A boat between canyon walls'],
      ['tags', 'river, canyon,river'],
      ['visibility', 'public'],
    ]
    const response = await post(file, { filename: '../photos/canyon.jpg', fields })
    expect(response.status).toBe(201)
    const image = (await response.json()) as ImageView
    const sha256 = createHash('sha256').update(file).digest('hex')
    const rev = sha256.slice(0, 8)
    expect(image).toMatchObject({
      userId: 'ann',
      albumId: 'album-1',
      originalFilename: 'canyon.jpg',
      mimeType: 'image/jpeg',
      fileSize: file.length,
      width: 1024,
      height: 750,
      aspectRatio: 1.3653,
      title: 'Black Canyon',
      description: null,
      altText: 'A boat between canyon walls',
      tags: ['river', 'canyon'],
      focalPoint: null,
      thumbnailKey: null,
      visibility: 'public',
      processingStatus: 'completed',
      version: 1,
      sha256,
      rev,
      s3Bucket: world.originals.bucket,
      imageUrl: `${cdnUrl}/i/${image.id}?r=${rev}&preset=full`,
      thumbnailUrl: `${cdnUrl}/i/${image.id}?r=${rev}&preset=thumb`,
      sizes: '100vw',
    })
    expect(image).not.toHaveProperty('expiresAt')
    expect(image.id).toMatch(/^[0-9A-HJKMNP-TV-Z]{26}$/)
    expect(image.thumbhash).toMatch(/^[A-Za-z0-9+/]{20,}={0,2}$/)
    expect(image.dominantColor).toMatch(/^#[0-9a-f]{6}$/)
    expect(image.s3Key).toMatch(new RegExp(`^o/${image.id}/${rev}-[0-9A-Z]{26}\\.jpg$`))
    expect(response.headers.get('location')).toBe(`/images/${image.id}`)
    expect(response.headers.get('etag')).toBe('"1"')

    const stored = await world.originals.get(image.s3Key)
    expect(stored?.contentType).toBe('image/jpeg')
    expect(Buffer.from(await new Response(stored?.body).arrayBuffer()).equals(file)).toBe(true)
  })

  it('leaves no intent behind once it is through', async () => {
    const image = await app.upload(photograph(1))
    await app.settled()
    const left = (await world.everything()).filter((key) => key.includes(image.id))
    expect(left).toEqual([`IMAGE#${image.id}`, image.s3Key])
  })

  it('offers in srcset the rungs below the width of the original, and that width itself', async () => {
    const { srcset, id, rev } = await app.upload(photograph(2))
    const widths = [264, 328, 416, 512, 640, 800, 1000, 1024]
    expect(srcset).toBe(widths.map((w) => `${cdnUrl}/i/${id}?r=${rev}&w=${w} ${w}w`).join(', '))
  })

  it('never offers a width above the ladder, nor one twice', async () => {
    const wide = await app.upload(await plainPng(4000, 200))
    expect(wide.srcset).toMatch(/w=3816 3816w$/)
    const onRung = await app.upload(await plainPng(640, 200))
    expect(onRung.srcset).toMatch(/w=512 512w, [^,]*w=640 640w$/)
    const narrow = await app.upload(await plainPng(120, 200))
    expect(narrow.srcset).toBe(`${cdnUrl}/i/${narrow.id}?r=${narrow.rev}&w=120 120w`)
  })

  it.each([
    [
      'repeated fields',
      [
        ['tags', 'a'],
        ['tags', 'b, c'],
      ],
      ['a', 'b, c'],
    ],
    ['one JSON array', [['tags', '["a","b, c"]']], ['a', 'b, c']],
    ['one text with commas', [['tags', 'a, b,,c ']], ['a', 'b', 'c']],
    ['an empty text', [['tags', '']], []],
  ] as [string, [string, string][], string[]][])('takes tags as %s', async (_, fields, tags) => {
    expect((await app.upload(await plainPng(100, 100), { fields })).tags).toEqual(tags)
  })

  it('gives the picture of one colour that colour, and one mostly of a colour the colour most of it has', async () => {
    expect((await app.upload(await plainPng(200, 100, '#3366cc'))).dominantColor).toBe('#3366cc')
    const sharp = await loadSharp()
    const red = await plainPng(60, 200, '#dd0000')
    const mostlyGreen = await sharp(await plainPng(200, 200, '#00aa22'))
      .composite([{ input: red, left: 0, top: 0 }])
      .png()
      .toBuffer()
    expect((await app.upload(mostlyGreen)).dominantColor).toBe('#00aa22')
  })

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('measures upright: EXIF orientation %i', async (orientation) => {
    const sharp = await loadSharp()
    const file = await sharp(await plainPng(300, 200))
      .jpeg()
      .withMetadata({ orientation })
      .toBuffer()
    const { width, height, aspectRatio } = await app.upload(file)
    expect([width, height]).toEqual(orientation < 5 ? [300, 200] : [200, 300])
    expect(aspectRatio).toBe(orientation < 5 ? 1.5 : 0.6667)
  })

  it('goes by the content: a PNG named .jpg and sent as image/jpeg is a PNG', async () => {
    const image = await app.upload(await plainPng(100, 100), { filename: 'a.jpg', type: 'image/jpeg' })
    expect(image.mimeType).toBe('image/png')
    expect(image.s3Key).toMatch(/\.png$/)
    expect((await world.originals.head(image.s3Key))?.contentType).toBe('image/png')
  })

  const formats = [
    ['jpeg', 'image/jpeg'],
    ['progressive jpeg', 'image/jpeg'],
    ['png', 'image/png'],
    ['interlaced png', 'image/png'],
    ['webp', 'image/webp'],
    ['lossless webp', 'image/webp'],
    ['animated webp', 'image/webp'],
    ['avif', 'image/avif'],
    ['gif', 'image/gif'],
    ['animated gif', 'image/gif'],
  ] as const

  describe.each(formats)('of a file in the format %s', (format, mimeType) => {
    it('accepts it whole', async () => {
      expect((await app.upload(await pictureAs(format))).mimeType).toBe(mimeType)
    })

    it.each([50, 90])('refuses it cut off at %i percent', async (percent) => {
      const whole = await pictureAs(format)
      const cut = whole.subarray(0, Math.floor((whole.length * percent) / 100))
      expect(await refused(cut)).toBe('422 IMAGE_UNPROCESSABLE')
    })
  })

  it('accepts a photograph with stray bytes, of which a decoder only warns', async () => {
    const file = photograph(3)
    // Between the first segment and the second.
    const at = 4 + file.readUInt16BE(4)
    const stray = Buffer.concat([file.subarray(0, at), Buffer.from([0, 1, 2, 3]), file.subarray(at)])
    expect((await app.upload(stray)).mimeType).toBe('image/jpeg')
  })

  it.each([
    ['a text', Buffer.from('Dear Sir or Madam')],
    ['an empty file', Buffer.alloc(0)],
    ['an SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="200" height="200"></svg>')],
    ['a PDF', Buffer.from('%PDF-1.7\n1 0 obj <<>> endobj')],
    [
      'a HEIC',
      Buffer.concat([Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'latin1'), Buffer.alloc(500)]),
    ],
  ])('refuses %s as no image', async (_, file) => {
    expect(await refused(file)).toBe('400 INVALID_FILE_TYPE')
  })

  it('refuses a TIFF as no image, although libvips knows it', async () => {
    const sharp = await loadSharp()
    expect(
      await refused(
        await sharp(await plainPng(200, 200))
          .tiff()
          .toBuffer(),
      ),
    ).toBe('400 INVALID_FILE_TYPE')
  })

  it('refuses a JPEG whose middle is overwritten', async () => {
    const file = Buffer.from(await pictureAs('png'))
    file.fill(0x55, file.length >> 1, (file.length >> 1) + 2000)
    expect(await refused(file)).toBe('422 IMAGE_UNPROCESSABLE')
  })

  it('refuses a bomb by its header, and says which limit it exceeds', async () => {
    await app.settled()
    const before = await world.everything()
    const { code, detail } = await problemIn(await post(bomb()))
    expect(code).toBe('IMAGE_UNPROCESSABLE')
    expect(detail).toContain('30000 x 30000')
    expect(detail).toContain('8000')
    expect(await world.everything()).toEqual(before)
  })

  it.each([
    ['narrower than 100 pixels', 99, 200, /100 to 8000/],
    ['higher than 8,000 pixels', 100, 8001, /100 to 8000/],
    ['of more than 50 megapixels', 7900, 7000, /50 megapixels/],
  ])('refuses a picture %s', async (_, width, height, limit) => {
    const { code, detail } = await problemIn(await post(await plainPng(width, height)))
    expect(code).toBe('IMAGE_UNPROCESSABLE')
    expect(detail).toMatch(limit)
  })

  it('accepts pictures at the bounds', async () => {
    expect(await app.upload(await plainPng(100, 8000))).toMatchObject({ width: 100, height: 8000 })
  })

  it('counts the pixels of all frames of an animation', async () => {
    const { limits } = app.deps
    const strict = await createTestApi(world, { limits: { ...limits, inputPixelsMax: 4 * 320 * 240 - 1 } })
    const response = await strict.call('POST', '/images', { body: formOf(await pictureAs('animated gif')) })
    const { code, detail } = await problemIn(response)
    expect(code).toBe('IMAGE_UNPROCESSABLE')
    expect(detail).toContain('in 4 frames')
  })

  it.each([
    ['an unknown field', [['colour', 'red']], 'colour'],
    ['a title that is too long', [['title', 'x'.repeat(256)]], 'title'],
    ['a description that is too long', [['description', 'x'.repeat(5001)]], 'description'],
    ['too many tags', [['tags', Array.from({ length: 21 }, (_, i) => `t${i}`).join(',')]], 'tags'],
    ['a tag that is too long', [['tags', 'x'.repeat(51)]], 'tags.0'],
    ['tags in malformed JSON', [['tags', '["a"']], 'tags'],
    ['tags that are no texts', [['tags', '[1]']], 'tags.0'],
    ['an unknown visibility', [['visibility', 'secret']], 'visibility'],
    [
      'a field given twice',
      [
        ['title', 'a'],
        ['title', 'b'],
      ],
      'title',
    ],
    ['a text with NUL in it', [['title', 'a\0b']], 'title'],
  ] as [string, [string, string][], string][])('refuses %s and names it', async (_, fields, path) => {
    await app.settled()
    const before = await world.everything()
    const { code, status, errors } = await problemIn(await post(photograph(), { fields }))
    expect([status, code]).toEqual([400, 'VALIDATION_FAILED'])
    expect(errors?.map((error) => error.path)).toContain(path)
    expect(await world.everything()).toEqual(before)
  })

  it('refuses a form without a file, or with two', async () => {
    const without = new FormData()
    without.append('title', 'a')
    expect((await problemIn(await app.call('POST', '/images', { body: without }))).errors).toEqual([
      { path: 'file', message: 'is missing' },
    ])
    const two = formOf(photograph())
    two.append('file', new Blob([new Uint8Array(photograph())]), 'b.jpg')
    expect((await problemIn(await app.call('POST', '/images', { body: two }))).errors?.[0]?.path).toBe('file')
  })

  it('refuses a body that is no form, and a form that is malformed', async () => {
    expect(await refusal(await app.call('POST', '/images', { json: {} }))).toBe('415 UNSUPPORTED_MEDIA_TYPE')
    for (const [contentType, body] of [
      ['multipart/form-data', 'x'],
      ['multipart/form-data; boundary=b', 'x'],
      ['multipart/form-data; boundary=b', '--b\r\ncontent-disposition: form-data; name="file"\r\n\r\nabc'],
    ] as const) {
      const headers = { 'content-type': contentType }
      expect(await refusal(await app.call('POST', '/images', { headers, body }))).toBe(
        '400 VALIDATION_FAILED',
      )
    }
  })

  it('refuses a file above the limit, and points to /uploads', async () => {
    await app.settled()
    const before = await world.everything()
    const { status, code, detail } = await problemIn(
      await post(Buffer.alloc(app.deps.limits.uploadBytesMax + 1, 1)),
    )
    expect([status, code]).toEqual([413, 'IMAGE_TOO_LARGE'])
    expect(detail).toContain('10 MB')
    expect(detail).toContain('/uploads')
    expect(await world.everything()).toEqual(before)
  })

  it('stops reading where the file exceeds the limit', async () => {
    const head = '--b\r\ncontent-disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
    const piece = new Uint8Array(1_000_000)
    let sent = 0
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new TextEncoder().encode(head)),
      pull(controller) {
        sent += piece.length
        // Without a limit this would be a hundred megabytes.
        if (sent > 100_000_000) controller.close()
        else controller.enqueue(piece)
      },
    })
    const template = new Request('https://api.test/images', {
      method: 'POST',
      headers: {
        authorization: `Bearer ${await tokenFor('ann', { at: world.now() })}`,
        'content-type': 'multipart/form-data; boundary=b',
      },
      body,
      duplex: 'half',
    } as RequestInit)
    expect(await refusal(await app.api(template))).toBe('413 IMAGE_TOO_LARGE')
    expect(sent).toBeLessThan(15_000_000)
  })

  it('refuses a body that breaks off', async () => {
    const before = await world.everything()
    const body = new ReadableStream<Uint8Array>({
      start: (controller) =>
        controller.enqueue(new TextEncoder().encode('--b\r\ncontent-disposition: form-da')),
      pull: (controller) => controller.error(new Error('connection reset')),
    })
    const headers = { 'content-type': 'multipart/form-data; boundary=b' }
    const options = { headers, body, duplex: 'half' }
    expect(await refusal(await app.call('POST', '/images', options))).toBe('400 VALIDATION_FAILED')
    expect(await world.everything()).toEqual(before)
  })

  it('refuses a field that is not UTF-8', async () => {
    const form = Buffer.from(
      '--b\r\ncontent-disposition: form-data; name="title"\r\n\r\n\xff\r\n--b--',
      'latin1',
    )
    const headers = { 'content-type': 'multipart/form-data; boundary=b' }
    const problem = await problemIn(
      await app.call('POST', '/images', { headers, body: new Uint8Array(form) }),
    )
    expect([problem.code, problem.detail]).toEqual(['VALIDATION_FAILED', 'the form is not UTF-8'])
  })

  it('lets a service upload for any user, and nobody else', async () => {
    const fields: FormOptions['fields'] = [['userId', 'bob']]
    expect(await refusal(await post(photograph(), { fields }))).toBe('403 NOT_AUTHORIZED')
    const response = await post(photograph(), { fields, scope: 'openid images:service' })
    expect(((await response.json()) as ImageView).userId).toBe('bob')
  })
})
