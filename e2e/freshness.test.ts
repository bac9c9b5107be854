import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { S3Client } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { aspectRatios, formats, presets, rungs } from '../core/ladder.ts'
import { largePhotograph } from '../local/large-photograph.ts'
import { localCredentials, localRegion, originalsBucket, variantsBucket } from '../local/parts.ts'
import { photographs } from '../local/photographs.ts'
import { loadSharp } from '../runtime/sharp.ts'
import { createS3ObjectStore } from '../stores/s3-object-store.ts'
import { type ImageJson, rawGet, startTestSystem, type TestSystem, tokenFor, upload } from './test-system.ts'

type Colour = 'red' | 'blue'

/** A file, and what one sees on every picture that is made of it. */
interface Original {
  bytes: Uint8Array<ArrayBuffer>
  colour: Colour
}

let system: TestSystem
let token: string
/** Of every colour, two photographs: one can be replaced by another, and come back. */
let originals: Record<Colour, [Original, Original]>

beforeAll(async () => {
  system = await startTestSystem()
  token = await tokenFor(system.url, 'user-1')
  originals = {
    red: [await tinted(0, 'red'), await tinted(1, 'red')],
    blue: [await tinted(2, 'blue'), await tinted(3, 'blue')],
  }
})

afterAll(() => system.remove())

/** A photograph with hardly anything left in it but one colour, 4:3. */
async function tinted(index: number, colour: Colour, width = 640): Promise<Original> {
  const sharp = await loadSharp()
  const [strong, weak] = [
    [0.6, 100],
    [0.2, 0],
  ] as const
  const channels = colour === 'red' ? [strong, weak, weak] : [weak, weak, strong]
  const photograph = sharp(await readFile(photographs[index]!.path)).resize(width, (width * 3) / 4, {
    fit: 'cover',
  })
  const bytes = await photograph
    .toColourspace('srgb')
    .linear(
      channels.map(([factor]) => factor),
      channels.map(([, offset]) => offset),
    )
    .jpeg()
    .toBuffer()
  return { bytes: new Uint8Array(bytes), colour }
}

/** What is mostly in a picture, by its pixels. */
async function colourOf(picture: Buffer): Promise<Colour> {
  const { channels } = await (await loadSharp())(picture).stats()
  const [red, , blue] = channels.map(({ mean }) => mean)
  if (Math.abs(red! - blue!) < 40) throw new Error(`neither red nor blue: ${red}, ${blue}`)
  return red! > blue! ? 'red' : 'blue'
}

/** Every width in every format; then all else that a URL can ask for, at one width and in one format. */
const queries = [
  ...rungs.flatMap((width) => formats.map((format) => `w=${width}&f=${format}`)),
  ...Object.keys(presets).map((name) => `preset=${name}`),
  ...aspectRatios.map((ratio) => `w=264&ar=${ratio}`),
  'w=264&ar=16:9&fit=inside',
  'w=264&q=low',
  'w=264&q=high',
]

const revOf = ({ bytes }: Original): string => createHash('sha256').update(bytes).digest('hex').slice(0, 8)

async function uploaded(bytes: Uint8Array<ArrayBuffer>): Promise<ImageJson> {
  const response = await upload(system.url, token, bytes)
  expect(response.status).toBe(201)
  return (await response.json()) as ImageJson
}

function call(method: string, path: string, body?: BodyInit, type?: string): Promise<Response> {
  const headers = { authorization: `Bearer ${token}`, ...(type !== undefined && { 'content-type': type }) }
  return fetch(`${system.url}${path}`, { method, headers, ...(body !== undefined && { body }) })
}

async function replace(id: string, { bytes }: Original): Promise<ImageJson> {
  const response = await call('PUT', `/images/${id}/original`, new Blob([bytes]), 'image/jpeg')
  expect(response.status).toBe(200)
  return (await response.json()) as ImageJson
}

async function remove(id: string): Promise<void> {
  expect((await call('DELETE', `/images/${id}`)).status).toBe(204)
}

/** Does something for all items, a few at a time, and gives the results in order. */
async function forAll<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = []
  let next = 0
  const worker = async (): Promise<void> => {
    for (let at = next++; at < items.length; at = next++) results[at] = await work(items[at]!)
  }
  await Promise.all(Array.from({ length: 4 }, worker))
  return results
}

/** The paths that do not show a colour, with what they show instead. */
async function showingOther(paths: readonly string[], colour: Colour): Promise<string[]> {
  const shown = await forAll(paths, async (path) => {
    const { status, body } = await rawGet(system.url, path)
    return status === 200 ? await colourOf(body) : String(status)
  })
  return paths.flatMap((path, at) => (shown[at] === colour ? [] : [`${path}: ${shown[at]}`]))
}

/** The paths that give anything but 404, whichever way one asks. */
async function stillServed(paths: readonly string[]): Promise<string[]> {
  const ways: Record<string, string>[] = [{}, { accept: 'image/avif,image/webp' }, { range: 'bytes=0-99' }]
  const served = await forAll(paths, async (path) => {
    const statuses = await Promise.all(ways.map(async (way) => (await rawGet(system.url, path, way)).status))
    const head = await fetch(system.url + path, { method: 'HEAD' })
    return [...statuses, head.status].filter((status) => status !== 404)
  })
  return paths.flatMap((path, at) => (served[at]!.length === 0 ? [] : [`${path}: ${served[at]!.join()}`]))
}

/** All keys that stand for an image, in both buckets. */
async function keysOf(id: string): Promise<string[]> {
  const where = system.parts.find(({ name }) => name === 'S3')!.where
  const client = new S3Client({
    endpoint: where.split(' ')[0]!,
    region: localRegion,
    credentials: localCredentials,
    forcePathStyle: true,
  })
  const keys: string[] = []
  for (const bucket of [originalsBucket, variantsBucket]) {
    for await (const key of createS3ObjectStore({ client, bucket }).list('')) {
      if (key.includes(id)) keys.push(key)
    }
  }
  client.destroy()
  return keys
}

/** Originals go after the answer, and so does what a render under way stores. */
async function expectNothingLeft(id: string): Promise<void> {
  await expect.poll(() => keysOf(id), { timeout: 20_000, interval: 100 }).toEqual([])
}

function pathOf(url: string): string {
  const { pathname, search } = new URL(url)
  return pathname + search
}

describe('a replaced original', () => {
  it(
    'shows in every size and format from the answer on, by its new URL, the alias and old URLs',
    { timeout: 240_000 },
    async () => {
      const [before, after] = [originals.red[0], originals.blue[0]]
      const { id } = await uploaded(before.bytes)
      const alias = queries.map((query) => `/i/${id}?${query}`)
      const byOldUrl = queries.map((query) => `/i/${id}?r=${revOf(before)}&${query}`)
      const byNewUrl = queries.map((query) => `/i/${id}?r=${revOf(after)}&${query}`)
      expect(await showingOther([...byOldUrl, ...alias], 'red')).toEqual([])
      // A URL that will mean the new picture, guessed before it is there: this must not be remembered.
      expect(await showingOther(byNewUrl.slice(0, 8), 'red')).toEqual([])
      const { headers } = await rawGet(system.url, alias[0]!)

      expect((await replace(id, after)).rev).toBe(revOf(after))
      expect(await showingOther([...alias, ...byNewUrl, ...byOldUrl], 'blue')).toEqual([])
      // From the caches, too, and for a browser that has the old one.
      expect(await showingOther([...alias, ...byNewUrl], 'blue')).toEqual([])
      const conditional = await rawGet(system.url, alias[0]!, { 'if-none-match': String(headers['etag']) })
      expect(conditional.status).toBe(200)
      expect(await colourOf(conditional.body)).toBe('blue')

      const left = (await keysOf(id)).filter((key) => !key.includes(`/${revOf(after)}`))
      expect(left).toEqual([])
    },
  )

  it('is never seen again while readers race with replacements', { timeout: 240_000 }, async () => {
    const { red, blue } = originals
    const { id } = await uploaded(red[0].bytes)
    const asked = rungs.slice(0, 12).flatMap((width) => ['webp', 'jpeg'].map((f) => `w=${width}&f=${f}`))
    const revs = [...red, ...blue].map(revOf)
    const urlOf = (query: string, rev?: string): string =>
      `/i/${id}?${rev === undefined ? '' : `r=${rev}&`}${query}`
    /** What everybody has to see; null while a replacement is under way. */
    let present: { rev: string; colour: Colour } | null = { rev: revOf(red[0]), colour: 'red' }
    let reads = 0
    const faults: string[] = []

    const read = async (turn: number): Promise<void> => {
      const expected = present
      const query = asked[turn % asked.length]!
      const around = Math.floor(turn / asked.length)
      const rev = [undefined, expected?.rev, revs[around % revs.length]][around % 3]
      const { status, body } = await rawGet(system.url, urlOf(query, rev))
      const shown = status === 200 ? await colourOf(body) : String(status)
      reads++
      // Old URLs may go on showing what they named; the alias and the new URL may not.
      const isBinding = expected !== null && expected === present && (rev ?? expected.rev) === expected.rev
      if (isBinding ? shown !== expected.colour : status !== 200) faults.push(`${rev} ${query}: ${shown}`)
    }
    const readOn = async (end: AbortSignal, first: number): Promise<void> => {
      for (let turn = first; !end.aborted; turn += 7) await read(turn)
    }
    const replaceAmongReads = async (original: Original): Promise<void> => {
      const enough = reads + 12
      await expect.poll(() => reads, { timeout: 60_000, interval: 5 }).toBeGreaterThanOrEqual(enough)
      present = null
      await replace(id, original)
      present = { rev: revOf(original), colour: original.colour }
    }

    const end = new AbortController()
    const readers = Promise.all([0, 1, 2, 3, 4, 5, 6].map((first) => readOn(end.signal, first)))
    // After the first of a pair the caches are empty, so the second meets requests on their way through all tiers.
    // Some come back: their URLs have been immutable once.
    for (const [passing, lasting] of [
      [blue[0], red[1]],
      [red[0], blue[1]],
      [blue[0], red[0]],
      [red[1], blue[0]],
    ] as const) {
      await replaceAmongReads(passing)
      await replaceAmongReads(lasting)
      const all = asked.flatMap((query) => [urlOf(query), urlOf(query, revOf(lasting))])
      expect(await showingOther(all, lasting.colour)).toEqual([])
    }
    end.abort()
    await readers
    expect(faults).toEqual([])
  })

  it('is not brought back by renders that were under way', { timeout: 240_000 }, async () => {
    const [before, after] = [await tinted(0, 'red', 2800), await tinted(1, 'blue', 2800)]
    for (const delayMs of [0, 100, 300]) {
      const { id } = await uploaded(before.bytes)
      const asked = ['w=2448&f=avif', 'w=1960&f=jpeg', 'w=1256&f=avif', 'w=640&f=webp']
      const alias = asked.map((query) => `/i/${id}?${query}`)
      const underWay = alias.map((path) => rawGet(system.url, path))
      await new Promise((resolve) => setTimeout(resolve, delayMs))
      await replace(id, after)
      for (const { status } of await Promise.all(underWay)) expect(status).toBe(200)
      const byNewUrl = asked.map((query) => `/i/${id}?r=${revOf(after)}&${query}`)
      expect(await showingOther([...alias, ...byNewUrl], 'blue')).toEqual([])
    }
  })
})

describe('a deleted image', () => {
  it('is served by no URL, from no tier, and leaves no object', { timeout: 240_000 }, async () => {
    const image = await uploaded(originals.red[0].bytes)
    const paths = [
      ...queries.flatMap((query) => [`/i/${image.id}?${query}`, `/i/${image.id}?r=${image.rev}&${query}`]),
      `/i/${image.id}`,
      `/i/${image.id.toLowerCase()}?w=640`,
      ...[
        image.imageUrl,
        image.thumbnailUrl,
        ...image.srcset.split(', ').map((one) => one.split(' ')[0]!),
      ].map(pathOf),
    ]
    expect(await showingOther(paths, 'red')).toEqual([])
    expect((await keysOf(image.id)).length).toBeGreaterThan(queries.length)

    await remove(image.id)
    expect(await stillServed(paths)).toEqual([])
    await expectNothingLeft(image.id)
    expect(await stillServed(paths)).toEqual([])
  })

  it('is served by no signature either, if it was private', { timeout: 120_000 }, async () => {
    const { id } = await uploaded(originals.red[1].bytes)
    const changes = JSON.stringify({ version: 1, visibility: 'private' })
    const hidden = (await (
      await call('PATCH', `/images/${id}`, changes, 'application/json')
    ).json()) as ImageJson
    const signature = hidden.imageUrl.replace(/^.*&(?=e=)/, '')
    const paths = [
      ...[hidden.imageUrl, hidden.thumbnailUrl].map(pathOf),
      ...queries.filter((_, at) => at % 5 === 0).map((query) => `/p/${id}?${query}&${signature}`),
    ]
    expect(await showingOther(paths, 'red')).toEqual([])

    await remove(id)
    expect(await stillServed(paths)).toEqual([])
    await expectNothingLeft(id)
    expect(await stillServed(paths)).toEqual([])
  })

  it('leaves nothing of renders and masters that were under way', { timeout: 240_000 }, async () => {
    const large = await largePhotograph()
    // From before the original is read until after the variant is stored.
    for (const delayMs of [0, 30, 100, 250, 500, 1000]) {
      const { id } = await uploaded(large)
      const paths = ['w=3056&f=jpeg', 'w=1256&f=avif', 'w=640&f=webp'].map((query) => `/i/${id}?${query}`)
      const underWay = paths.map((path) => rawGet(system.url, path))
      await new Promise((resolve) => setTimeout(resolve, delayMs))
      await remove(id)
      const early = await Promise.all(underWay)
      for (const { status } of early) expect([200, 404]).toContain(status)

      await expectNothingLeft(id)
      expect(await stillServed(paths)).toEqual([])
    }
  })

  it('takes its master along', { timeout: 120_000 }, async () => {
    const { id } = await uploaded(await largePhotograph())
    expect((await rawGet(system.url, `/i/${id}?w=640`)).status).toBe(200)
    await expect
      .poll(() => keysOf(id), { timeout: 30_000, interval: 100 })
      .toContainEqual(expect.stringMatching(/^m\//))
    await remove(id)
    await expectNothingLeft(id)
  })
})
