import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hotRungs } from '../core/hot-rungs.ts'
import type { ImageRecord } from '../core/image.ts'
import type { ObjectStore } from '../core/object-store.ts'
import { largePhotograph } from '../local/large-photograph.ts'
import { photographs } from '../local/photographs.ts'
import { loadSharp } from '../runtime/sharp.ts'
import { immutable, provisional, signedImmutable } from './caching.ts'
import type { Picture } from './quality/picture.ts'
import { ssimulacra2 } from './quality/ssimulacra2.ts'
import { createOriginWorld, type OriginWorld, photograph, rev } from './testing/test-origin.ts'

const avif = '1-w640-q2.avif'

let world: OriginWorld
let variants: ObjectStore

beforeAll(async () => {
  world = await createOriginWorld()
  variants = world.variants
})

afterAll(() => world.stop())

async function bytesOf(key: string): Promise<Buffer> {
  const object = await variants.get(key)
  return Buffer.from(await new Response(object!.body).arrayBuffer())
}

/** Asks for a variant as its first viewer, and waits until it is stored. */
async function askFor(path: string): Promise<Buffer> {
  const origin = world.newOrigin()
  const response = await origin.get(path)
  expect(response.status).toBe(200)
  const bytes = Buffer.from(await response.arrayBuffer())
  await origin.settled()
  return bytes
}

async function pictureOf(bytes: Buffer): Promise<Picture> {
  const sharp = await loadSharp()
  const { data, info } = await sharp(bytes)
    .removeAlpha()
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true })
  return { width: info.width, height: info.height, pixels: data }
}

async function scoreOf(image: ImageRecord, encoded: Buffer): Promise<number> {
  const lossless = await askFor(`/v/${image.id}/${image.rev}/1-w640-q2.png`)
  return ssimulacra2(await pictureOf(lossless), await pictureOf(encoded))
}

describe('the upgrade of a popular variant', () => {
  it('replaces the stored bytes by better ones, for a year, and says where the quality is kept', async () => {
    const image = await world.newImage()
    const key = `v/${image.id}/${rev}/${avif}`
    const quick = await askFor(`/${key}`)
    const jobs = world.newJobs()
    await jobs.perform({ kind: 'upgrade', path: `/${key}` })
    expect(await jobs.outcomes()).toEqual({ upgraded: 1 })

    const thorough = await bytesOf(key)
    expect(thorough.equals(quick)).toBe(false)
    expect(await variants.head(key)).toMatchObject({ contentType: 'image/avif', cacheControl: immutable })
    const sharp = await loadSharp()
    expect(await sharp(thorough).metadata()).toMatchObject({ width: 640, height: 469 })
    const { qualities } = JSON.parse((await bytesOf(`m/${image.id}/${rev}.json`)).toString()) as {
      qualities: object
    }
    expect(Object.keys(qualities)).toEqual(['avif', 'webp', 'jpeg'])
  })

  it('gives different photographs the same look, where one quality for all does not', async () => {
    const scores = { quick: [] as number[], thorough: [] as number[] }
    let quickBytes = 0
    let thoroughBytes = 0
    for (const { path } of photographs.slice(0, 5)) {
      const bytes = readFileSync(path)
      const { width, height } = await (await loadSharp())(bytes).metadata()
      const image = await world.newImage({ width, height }, bytes)
      const key = `v/${image.id}/${rev}/${avif}`
      const quick = await askFor(`/${key}`)
      await world.newJobs().perform({ kind: 'upgrade', path: `/${key}` })
      const thorough = await bytesOf(key)
      scores.quick.push(await scoreOf(image, quick))
      scores.thorough.push(await scoreOf(image, thorough))
      quickBytes += quick.length
      thoroughBytes += thorough.length
    }
    const spread = (values: number[]) => Math.max(...values) - Math.min(...values)
    expect(spread(scores.thorough)).toBeLessThan(spread(scores.quick) / 2)
    expect(Math.min(...scores.thorough)).toBeGreaterThan(Math.min(...scores.quick))
    expect(thoroughBytes).toBeLessThan(quickBytes * 1.25)
  })

  it('uses the quality that was found for all later renders of the image', async () => {
    const image = await world.newImage()
    const key = `v/${image.id}/${rev}/${avif}`
    await askFor(`/${key}`)
    const before = await askFor(`/v/${image.id}/${rev}/1-w512-q2.webp`)
    await world.newJobs().perform({ kind: 'upgrade', path: `/${key}` })
    await variants.delete([`v/${image.id}/${rev}/1-w512-q2.webp`])
    const after = await askFor(`/v/${image.id}/${rev}/1-w512-q2.webp`)
    expect(after.equals(before)).toBe(false)

    await variants.put(`m/${image.id}/${rev}.json`, Buffer.from('{"settingsVersion":0,"qualities":{}}'), {
      contentType: 'application/json',
    })
    await variants.delete([`v/${image.id}/${rev}/1-w512-q2.webp`])
    expect((await askFor(`/v/${image.id}/${rev}/1-w512-q2.webp`)).equals(before)).toBe(true)
  })

  it('works for an alias, and for a signed variant', async () => {
    const open = await world.newImage()
    const closed = await world.newImage({ visibility: 'private' })
    await askFor(`/v/${open.id}/_/${avif}`)
    await askFor(`/v/${closed.id}/p${rev}/${avif}`)
    const jobs = world.newJobs()
    await jobs.perform({ kind: 'upgrade', path: `/v/${open.id}/_/${avif}` })
    await jobs.perform({ kind: 'upgrade', path: `/v/${closed.id}/p_/${avif}` })
    expect(await jobs.outcomes()).toEqual({ upgraded: 2 })
    expect(await variants.head(`v/${open.id}/${rev}/${avif}`)).toMatchObject({ cacheControl: immutable })
    expect(await variants.head(`v/${closed.id}/p${rev}/${avif}`)).toMatchObject({
      cacheControl: signedImmutable,
    })
  })

  it('does nothing twice, and nothing to what does not get better', async () => {
    const { id } = await world.newImage()
    await askFor(`/v/${id}/${rev}/${avif}`)
    const webp = await askFor(`/v/${id}/${rev}/1-w640-q2.webp`)
    const jobs = world.newJobs()
    for (let n = 0; n < 2; n++) await jobs.perform({ kind: 'upgrade', path: `/v/${id}/${rev}/${avif}` })
    await jobs.perform({ kind: 'upgrade', path: `/v/${id}/${rev}/1-w640-q2.webp` })
    expect(await jobs.outcomes()).toEqual({ upgraded: 1, final: 2 })
    expect((await bytesOf(`v/${id}/${rev}/1-w640-q2.webp`)).equals(webp)).toBe(true)
  })

  it('does nothing where the image is gone, private, replaced, or was never asked for', async () => {
    const asked = await Promise.all(Array.from({ length: 4 }, () => world.newImage()))
    const [deleted, hidden, replaced, unasked] = asked as [ImageRecord, ImageRecord, ImageRecord, ImageRecord]
    for (const { id } of [deleted, hidden, replaced]) await askFor(`/v/${id}/${rev}/${avif}`)
    const updatedAt = new Date().toISOString()
    await world.metadata.delete(deleted.id, 1)
    await world.metadata.update(hidden.id, { visibility: 'private', updatedAt }, 1)
    await world.metadata.update(replaced.id, { rev: 'ffffffff', updatedAt }, 1)
    const jobs = world.newJobs()
    for (const { id } of [deleted, hidden, replaced, unasked]) {
      await jobs.perform({ kind: 'upgrade', path: `/v/${id}/${rev}/${avif}` })
    }
    await jobs.perform({ kind: 'upgrade', path: '/v/of/another/ladder' })
    expect(await jobs.outcomes()).toEqual({ gone: 5 })
  })

  it('never brings back a variant that was deleted while it was encoded', async () => {
    const { id } = await world.newImage()
    const key = `v/${id}/${rev}/${avif}`
    await askFor(`/${key}`)
    const late: ObjectStore = {
      ...variants,
      async put(...parameters) {
        if (parameters[0] === key) await variants.delete([key])
        return variants.put(...parameters)
      },
    }
    const jobs = world.newJobs({ variants: late })
    await jobs.perform({ kind: 'upgrade', path: `/${key}` })
    expect(await jobs.outcomes()).toEqual({ gone: 1 })
    expect(await variants.head(key)).toBeNull()
  })

  it('fails where it should be tried again', async () => {
    const { id, s3Key } = await world.newImage()
    const key = `v/${id}/${rev}/${avif}`
    await askFor(`/${key}`)
    await world.originals.delete([s3Key])
    const jobs = world.newJobs()
    await expect(jobs.perform({ kind: 'upgrade', path: `/${key}` })).rejects.toThrow()
    expect(await jobs.outcomes()).toEqual({ failed: 1 })
    expect(await variants.head(key)).toMatchObject({ cacheControl: provisional })
  })
})

describe('rungs made before anyone asks', () => {
  it('are stored as the first viewer would have found them made, from one decoding', async () => {
    const bytes = Buffer.from(await largePhotograph())
    const image = await world.newImage({ width: 4000, height: 3000 }, bytes)
    const gets: string[] = []
    const originals: ObjectStore = {
      ...world.originals,
      get(key) {
        gets.push(key)
        return world.originals.get(key)
      },
    }
    const jobs = world.newJobs({ originals })
    await jobs.perform({ kind: 'prerender', imageId: image.id, rungs: 'hot' })
    expect(await jobs.outcomes()).toEqual({ prerendered: 1 })
    expect(gets).toEqual([image.s3Key])
    const expected = hotRungs.flatMap((width) =>
      ['avif', 'webp'].map((format) => `v/${image.id}/${rev}/1-w${width}-q2.${format}`),
    )
    expect((await world.keysOf(image.id)).toSorted()).toEqual(expected.toSorted())
    expect(await variants.head(`m/${image.id}/${rev}.jpg`)).not.toBeNull()

    const key = `v/${image.id}/${rev}/1-w640-q2.avif`
    const made = await bytesOf(key)
    expect(await variants.head(key)).toMatchObject({ contentType: 'image/avif', cacheControl: provisional })
    await variants.delete([key, `m/${image.id}/${rev}.jpg`])
    const direct = await askFor(`/${key}`)
    expect(await scoreOf(image, made)).toBeGreaterThan((await scoreOf(image, direct)) - 2)
    expect(made.length / direct.length).toBeGreaterThan(0.9)
    expect(made.length / direct.length).toBeLessThan(1.1)
  })

  it('leave alone what is stored, and are no wider than the picture', async () => {
    const { id } = await world.newImage()
    const asked = await askFor(`/v/${id}/${rev}/1-w416-q2.avif`)
    const jobs = world.newJobs()
    for (let n = 0; n < 2; n++) await jobs.perform({ kind: 'prerender', imageId: id, rungs: 'all' })
    expect(await jobs.outcomes()).toEqual({ prerendered: 1, final: 1 })
    expect((await bytesOf(`v/${id}/${rev}/1-w416-q2.avif`)).equals(asked)).toBe(true)
    const widths = (await world.keysOf(id)).map((key) => Number(/-w(\d+)-/.exec(key)![1]))
    expect(Math.max(...widths)).toBe(1256)
  })

  it('keep an animation moving and transparency clear', async () => {
    const sharp = await loadSharp()
    const frames = Buffer.concat([0, 120, 240].map((value) => Buffer.alloc(300 * 300 * 3, value)))
    const gif = await sharp(frames, { raw: { width: 300, height: 900, channels: 3, pageHeight: 300 } })
      .gif({ delay: [100, 100, 100] })
      .toBuffer()
    const clear = await sharp({ create: { width: 600, height: 600, channels: 4, background: '#ff000080' } })
      .png()
      .toBuffer()
    const moving = await world.newImage({ width: 300, height: 300, mimeType: 'image/gif' }, gif)
    const glass = await world.newImage({ width: 600, height: 600, mimeType: 'image/png' }, clear)
    const jobs = world.newJobs()
    for (const { id } of [moving, glass]) await jobs.perform({ kind: 'prerender', imageId: id, rungs: 'hot' })
    const animation = await sharp(await bytesOf(`v/${moving.id}/${rev}/1-w264-q2.avif`)).metadata()
    expect(animation).toMatchObject({ format: 'webp', pages: 3 })
    const { channels } = await sharp(await bytesOf(`v/${glass.id}/${rev}/1-w264-q2.avif`)).stats()
    // AVIF has 10 bits a channel, which are read as 16.
    expect(channels[3]!.mean / 0xffff).toBeCloseTo(128 / 255, 1)
  })

  it('are none for a private image or one that is gone', async () => {
    const { id } = await world.newImage({ visibility: 'private' })
    const jobs = world.newJobs()
    await jobs.perform({ kind: 'prerender', imageId: id, rungs: 'hot' })
    await jobs.perform({ kind: 'prerender', imageId: '01JD0R3XW6ZQJ5Y5T1ZZZZZZZZ', rungs: 'hot' })
    expect(await jobs.outcomes()).toEqual({ final: 2 })
    expect(await world.keysOf(id)).toEqual([])
  })
})

it('takes a picture for no photograph that is too small to say anything', async () => {
  const tiny = await (await loadSharp())(photograph).resize(100, 100).jpeg().toBuffer()
  const { id } = await world.newImage({ width: 100, height: 100 }, tiny)
  const key = `v/${id}/${rev}/1-w112-q2.avif`
  await askFor(`/${key}`)
  const jobs = world.newJobs()
  await jobs.perform({ kind: 'upgrade', path: `/${key}` })
  expect(await jobs.outcomes()).toEqual({ upgraded: 1 })
  expect(JSON.parse((await bytesOf(`m/${id}/${rev}.json`)).toString())).toMatchObject({ qualities: {} })
})
