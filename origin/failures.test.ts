import pino from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ObjectStore } from '../core/object-store.ts'
import { largePhotograph } from '../local/large-photograph.ts'
import { loadSharp } from '../runtime/sharp.ts'
import { createRequestCounts } from './request-counts.ts'
import type { ServeImageDependencies } from './serve-image.ts'
import { createOriginWorld, type OriginWorld, photograph, rev } from './testing/test-origin.ts'
import { Registry } from 'prom-client'

/*
 * The table in docs/failures.md, line by line: what the viewer gets, what is logged, what heals by itself.
 */

const webp = '1-w640-q2.webp'

let world: OriginWorld

beforeAll(async () => {
  world = await createOriginWorld()
})

afterAll(() => world.stop())

/** An origin whose log can be read. */
function loggedOrigin(overrides: Partial<ServeImageDependencies> = {}) {
  const lines: { level: number; msg: string }[] = []
  const log = pino({ level: 'debug' }, { write: (line: string) => void lines.push(JSON.parse(line)) })
  return {
    ...world.newOrigin({ ...overrides, log }),
    warnings: () => lines.filter(({ level }) => level >= 40).map(({ msg }) => msg),
  }
}

const down = (): Promise<never> => Promise.reject(new Error('connect ECONNREFUSED'))

describe('when a part fails', () => {
  it('variant cannot be stored: the viewer gets it, the next one makes it again', async () => {
    const { id } = await world.newImage()
    let isDown = true
    const variants: ObjectStore = {
      ...world.variants,
      put: (...parameters) => (isDown ? down() : world.variants.put(...parameters)),
    }
    const origin = loggedOrigin({ variants })
    const path = `/v/${id}/${rev}/${webp}`
    expect((await origin.get(path)).status).toBe(200)
    await origin.settled()
    expect(origin.warnings()).toEqual(['variant could not be stored'])
    expect(await world.keysOf(id)).toEqual([])

    isDown = false
    expect((await origin.get(path)).status).toBe(200)
    await origin.settled()
    expect(await world.keysOf(id)).toHaveLength(1)
    expect(await origin.renders()).toBe(2)
  })

  it('records cannot be read: 500 without details, nothing is rendered unseen, the next one gets it', async () => {
    const { id } = await world.newImage()
    let isDown = true
    const origin = loggedOrigin({
      metadata: { get: (...parameters) => (isDown ? down() : world.metadata.get(...parameters)) },
    })
    const path = `/v/${id}/${rev}/${webp}`
    const response = await origin.get(path)
    expect(response.status).toBe(500)
    expect(await response.json()).toMatchObject({ code: 'INTERNAL' })
    expect(origin.warnings()).toEqual(['image request failed'])
    expect(await origin.renders()).toBe(0)
    isDown = false
    expect((await origin.get(path)).status).toBe(200)
  })

  it('records cannot be read when the variant is stored: it is not, for it could be a deleted one', async () => {
    const { id } = await world.newImage()
    let reads = 0
    const origin = loggedOrigin({
      metadata: {
        get: (...parameters) => (++reads > 1 ? down() : world.metadata.get(...parameters)),
      },
    })
    expect((await origin.get(`/v/${id}/${rev}/${webp}`)).status).toBe(200)
    await origin.settled()
    expect(await world.keysOf(id)).toEqual([])
    expect(origin.warnings()).toEqual(['variant could not be stored'])
  })

  it('original is missing: 404 for a minute, and an operator is told; once it is back, it is served', async () => {
    const { id, s3Key } = await world.newImage()
    await world.originals.delete([s3Key])
    const origin = loggedOrigin()
    const path = `/v/${id}/${rev}/${webp}`
    const response = await origin.get(path)
    expect(response.status).toBe(404)
    expect(response.headers.get('cache-control')).toContain('s-maxage=60')
    expect(origin.warnings()).toEqual(['original is missing'])
    await world.originals.put(s3Key, photograph, { contentType: 'image/jpeg' })
    expect((await origin.get(path)).status).toBe(200)
  })

  it('original was replaced meanwhile: nobody is told that it is missing', async () => {
    const image = await world.newImage()
    const s3Key = `o/${image.id}/new.jpg`
    const originals = {
      async get(key: string) {
        if (key === image.s3Key) {
          await world.originals.put(s3Key, photograph, { contentType: 'image/jpeg' })
          const change = { s3Key, rev: 'ffffffff', updatedAt: new Date().toISOString() }
          await world.metadata.update(image.id, change, 1)
          await world.originals.delete([image.s3Key])
        }
        return world.originals.get(key)
      },
    }
    const origin = loggedOrigin({ originals })
    expect((await origin.get(`/v/${image.id}/${rev}/${webp}`)).status).toBe(200)
    expect(origin.warnings()).toEqual([])
  })

  it('original cannot be decoded: 422, and the cause is logged', async () => {
    const { id } = await world.newImage({}, photograph.subarray(0, 40_000))
    const origin = loggedOrigin()
    const response = await origin.get(`/v/${id}/${rev}/${webp}`)
    expect(response.status).toBe(422)
    expect(await response.json()).toMatchObject({ code: 'SOURCE_UNREADABLE' })
    expect(origin.warnings()).toEqual(['original cannot be decoded'])
    await origin.settled()
    expect(await world.keysOf(id)).toEqual([])
  })

  it('a step of ours fails: 500, the file is not blamed', async () => {
    const { id } = await world.newImage()
    const sharp = await loadSharp()
    const withoutWebp = new Proxy(sharp, {
      apply(target, _, parameters: Parameters<typeof sharp>) {
        const pipeline = target(...parameters)
        pipeline.webp = () => {
          throw new Error('the encoder is broken')
        }
        return pipeline
      },
    })
    const origin = loggedOrigin({ loadSharp: async () => withoutWebp })
    const response = await origin.get(`/v/${id}/${rev}/${webp}`)
    expect(response.status).toBe(500)
    expect(await response.json()).toMatchObject({ code: 'INTERNAL' })
    expect(origin.warnings()).toEqual(['image request failed'])
    expect((await loggedOrigin().get(`/v/${id}/${rev}/${webp}`)).status).toBe(200)
  })

  it('master cannot be decoded: the original serves, and a new master is made', async () => {
    const image = await world.newImage({ width: 4000, height: 3000 }, Buffer.from(await largePhotograph()))
    const master = `m/${image.id}/${rev}.jpg`
    await world.variants.put(master, photograph.subarray(0, 5000), { contentType: 'image/jpeg' })
    const origin = loggedOrigin()
    expect((await origin.get(`/v/${image.id}/${rev}/${webp}`)).status).toBe(200)
    await origin.settled()
    expect(origin.warnings()).toEqual(['master cannot be decoded'])
    expect((await world.variants.head(master))?.size).toBeGreaterThan(100_000)
    await origin.get(`/v/${image.id}/${rev}/1-w512-q2.webp`)
    expect(await origin.sources()).toEqual({ original: 1, master: 1 })
  })

  it('master cannot be stored: nobody notices, the next render makes it', async () => {
    const image = await world.newImage({ width: 4000, height: 3000 }, Buffer.from(await largePhotograph()))
    let isDown = true
    const variants: ObjectStore = {
      ...world.variants,
      put: (key, ...rest) => (isDown && key.startsWith('m/') ? down() : world.variants.put(key, ...rest)),
    }
    const origin = loggedOrigin({ variants })
    expect((await origin.get(`/v/${image.id}/${rev}/${webp}`)).status).toBe(200)
    await origin.settled()
    expect(origin.warnings()).toEqual(['variant could not be stored'])
    isDown = false
    await origin.get(`/v/${image.id}/${rev}/1-w512-q2.webp`)
    await origin.settled()
    expect(await world.variants.head(`m/${image.id}/${rev}.jpg`)).not.toBeNull()
  })

  it('ledger and queue are down: nobody notices, the counts of that time are lost', async () => {
    const { id } = await world.newImage()
    const lines: string[] = []
    const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(JSON.parse(line).msg) })
    const ledger = { add: down, rungs: down, askedWidths: down, ofImage: down }
    const counts = createRequestCounts({
      ledger,
      queue: { send: down },
      now: Date.now,
      log,
      metrics: new Registry(),
      background: (task) => void task,
    })
    const origin = loggedOrigin({ counts })
    expect((await origin.get(`/v/${id}/${rev}/${webp}`)).status).toBe(200)
    await counts.flush()
    expect(lines).toEqual(['requests could not be counted'])
    expect(origin.warnings()).toEqual([])
  })
})
