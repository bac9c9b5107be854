import { beforeAll, describe, expect, it } from 'vitest'
import type { ImageRecord } from '../core/image.ts'
import type { ImageView } from './image-view.ts'
import { pendingKey } from './intents.ts'
import { type FaultPlan, type FaultyDependencies, withFault } from './testing/faults.ts'
import { plainPng } from './testing/pictures.ts'
import {
  createTestApi,
  createTestWorld,
  formOf,
  keysIn,
  type TestApi,
  type TestWorld,
} from './testing/test-api.ts'

/*
 * Every step that an operation takes is made to fail, in four ways: with or without taking effect, alone or with all
 * that follows, as when the process dies. Then what was left is swept, and objects must follow records:
 * what was acknowledged is there, and of what was not nothing is left over.
 */

let world: TestWorld
let healthy: TestApi
let first: Buffer
let second: Buffer

beforeAll(async () => {
  world = await createTestWorld()
  healthy = await createTestApi(world)
  first = await plainPng(100, 100, '#ff0000')
  second = await plainPng(100, 120, '#00ff00')
  return world.stop
})

const ways = [
  { way: 'without effect, once', takesEffect: false, forEver: false },
  { way: 'without effect, and then the process dies', takesEffect: false, forEver: true },
  { way: 'after its effect, once', takesEffect: true, forEver: false },
  { way: 'after its effect, and then the process dies', takesEffect: true, forEver: true },
]

interface Trial<State> {
  state: State
  response: Response | null
  faults: FaultyDependencies
  plan: FaultPlan
}

interface Operation<State> {
  prepare(): Promise<State>
  act(app: TestApi, state: State): Promise<Response | null>
  verify(trial: Trial<State>): Promise<void>
  /** How many steps there are to fail at least; guards against a test that fails none. */
  stepsMin: number
  retainOriginals?: boolean
}

/** Runs the operation with its first step failing, then with its second, to its last. */
async function failEveryStep<State>(
  operation: Operation<State>,
  way: Omit<FaultPlan, 'step'>,
): Promise<void> {
  const { retainOriginals = false } = operation
  for (let step = 1; ; step++) {
    const state = await operation.prepare()
    await healthy.settled()
    const plan = { ...way, step }
    const faults = withFault(world, plan)
    const app = await createTestApi(world, { ...faults, retainOriginals })
    const response = await operation.act(app, state)
    await app.settled()
    const failed = faults.hasFailed()
    await operation.verify({ state, response, faults, plan })
    if (!failed) {
      expect(step).toBeGreaterThan(operation.stepsMin)
      return
    }
  }
}

/** Lets time pass and sweeps, until also the second looks are through. */
async function sweep(minutes = 16, retainOriginals = false): Promise<string[]> {
  const sweeper = await createTestApi(world, { retainOriginals })
  for (const _ of [1, 2]) {
    world.advance(minutes * 60)
    expect((await sweeper.tidy.sweepIntents()).failed).toBe(0)
  }
  return sweeper.purged
}

/** What there is of an image: its record if it has one, and every object and intent with its id. */
async function remainsOf(id: string): Promise<{ record: ImageRecord | null; rest: string[] }> {
  const rest = (await world.everything()).filter((key) => key.includes(id) && key !== `IMAGE#${id}`)
  return { record: await world.metadata.get(id, { consistent: true }), rest }
}

async function imageWithVariants(): Promise<ImageView> {
  const image = await healthy.upload(first)
  for (const key of [
    `v/${image.id}/${image.rev}/1-w640-q2.webp`,
    `v/${image.id}/_/1-w640-q2.webp`,
    `m/${image.id}/${image.rev}.jpg`,
  ]) {
    await world.variants.put(key, Buffer.from(key), { contentType: 'image/webp' })
  }
  return image
}

async function pendingWithFile(file: Buffer): Promise<string> {
  const json = { filename: 'a.png', mimeType: 'image/png', bytes: file.length }
  const { image } = (await (await healthy.call('POST', '/uploads', { json })).json()) as { image: ImageView }
  await world.originals.put(pendingKey(image.id), file, { contentType: 'image/png' })
  return image.id
}

const succeeded = (response: Response | null): boolean => response !== null && response.status < 300

describe.each(ways)('when a step fails $way', (way) => {
  it('an acknowledged upload is there, and another leaves nothing', async () => {
    await failEveryStep(
      {
        stepsMin: 4,
        prepare: () => world.everything(),
        act: (app) => app.call('POST', '/images', { body: formOf(first) }),
        async verify({ state: before, response, plan }) {
          await sweep()
          const added = (await world.everything()).filter((key) => !before.includes(key))
          if (succeeded(response)) {
            const image = (await response!.json()) as ImageView
            expect(added).toEqual([`IMAGE#${image.id}`, image.s3Key])
          } else if (added.length > 0) {
            // The record was made, but the answer of the store was lost.
            expect(plan.takesEffect).toBe(true)
            const record = await world.metadata.get(added[0]!.slice('IMAGE#'.length))
            expect(added).toEqual([`IMAGE#${record!.id}`, record!.s3Key])
          }
        },
      },
      way,
    )
  })

  it('an upload repeated with its Idempotency-Key succeeds, and makes one image', async () => {
    let serial = 0
    const headers = () => ({ 'idempotency-key': `${way.way.replaceAll(/\W/g, '')}-${serial}` })
    await failEveryStep(
      {
        stepsMin: 5,
        async prepare() {
          serial++
          return world.everything()
        },
        act: (app) => app.call('POST', '/images', { body: formOf(first), headers: headers() }),
        async verify({ state: before }) {
          const again = await healthy.call('POST', '/images', { body: formOf(first), headers: headers() })
          expect(again.status).toBe(201)
          const image = (await again.json()) as ImageView
          await sweep()
          const added = (await world.everything()).filter((key) => !before.includes(key))
          expect(added.filter((key) => key.includes(image.id))).toEqual([`IMAGE#${image.id}`, image.s3Key])
          expect(added).toHaveLength(3)
        },
      },
      way,
    )
  })

  it('a replaced original is the old or the new one, and the other is gone', async () => {
    await failEveryStep(
      {
        stepsMin: 10,
        prepare: imageWithVariants,
        act: (app, { id }) => app.call('PUT', `/images/${id}/original`, { body: formOf(second) }),
        async verify({ state: image, response, faults }) {
          const purged = [...(await sweep()), ...faults.purged]
          const { record, rest } = await remainsOf(image.id)
          const isNew = record!.rev !== image.rev
          if (succeeded(response)) expect(isNew).toBe(true)
          const ofThisRevision = (key: string) =>
            key.includes(`/${record!.rev}/`) || key.includes(`/${record!.rev}.`)
          expect(rest.filter((key) => key.startsWith('o/'))).toEqual([record!.s3Key])
          expect(rest.filter((key) => !key.startsWith('o/') && !ofThisRevision(key))).toEqual(
            // Before anything was changed, the alias of the old one is right.
            rest.filter((key) => !isNew && key.startsWith(`v/${image.id}/_/`)),
          )
          if (isNew) expect(purged).toContain(image.id)
        },
      },
      way,
    )
  })

  it('an image is deleted with all that belongs to it, or not at all', async () => {
    await failEveryStep(
      {
        stepsMin: 10,
        prepare: imageWithVariants,
        act: (app, { id }) => app.call('DELETE', `/images/${id}`),
        async verify({ state: image, response, faults }) {
          const purged = [...(await sweep()), ...faults.purged]
          const { record, rest } = await remainsOf(image.id)
          if (succeeded(response)) expect(record).toBeNull()
          if (record === null) {
            expect(rest).toEqual([])
            expect(purged).toContain(image.id)
          } else {
            expect(rest).toContain(record.s3Key)
            expect(rest.some((key) => key.startsWith('INTENT'))).toBe(false)
          }
        },
      },
      way,
    )
  })

  it('a picture that has become private is nowhere where an unsigned request finds it', async () => {
    await failEveryStep(
      {
        stepsMin: 8,
        prepare: imageWithVariants,
        act: (app, { id }) =>
          app.call('PATCH', `/images/${id}`, { json: { version: 1, visibility: 'private' } }),
        async verify({ state: image, response, faults }) {
          const purged = [...(await sweep()), ...faults.purged]
          const { record, rest } = await remainsOf(image.id)
          if (succeeded(response)) expect(record!.visibility).toBe('private')
          expect(rest).toContain(image.s3Key)
          if (record!.visibility === 'private') {
            // The master stays: no URL leads to it, and signed requests are made from it.
            expect(rest).toEqual([`m/${image.id}/${image.rev}.jpg`, image.s3Key])
            expect(purged).toContain(image.id)
          }
        },
      },
      way,
    )
  })

  it('a direct upload can be completed again, and leaves one object', async () => {
    await failEveryStep(
      {
        stepsMin: 7,
        prepare: () => pendingWithFile(first),
        act: (app, id) => app.call('POST', `/uploads/${id}/complete`),
        async verify({ state: id, response }) {
          if (!succeeded(response)) {
            expect((await healthy.call('POST', `/uploads/${id}/complete`)).status).toBe(200)
            await healthy.settled()
          }
          await sweep(80)
          const { record, rest } = await remainsOf(id)
          expect(record!.processingStatus).toBe('completed')
          expect(rest).toEqual([record!.s3Key])
        },
      },
      way,
    )
  })

  it('a direct upload that is given up leaves nothing', async () => {
    await failEveryStep(
      {
        stepsMin: 7,
        prepare: () => pendingWithFile(first),
        act: (app, id) => app.call('POST', `/uploads/${id}/complete`),
        async verify({ state: id, response }) {
          await sweep(80)
          const { record, rest } = await remainsOf(id)
          if (succeeded(response)) expect(record).not.toBeNull()
          expect(rest).toEqual(record === null ? [] : [record.s3Key])
        },
      },
      way,
    )
  })

  it('a direct upload that is refused leaves nothing', async () => {
    await failEveryStep(
      {
        stepsMin: 6,
        prepare: () => pendingWithFile(Buffer.from('no image at all')),
        act: (app, id) => app.call('POST', `/uploads/${id}/complete`),
        async verify({ state: id, response }) {
          expect(succeeded(response)).toBe(false)
          await sweep(80)
          expect(await remainsOf(id)).toEqual({ record: null, rest: [] })
        },
      },
      way,
    )
  })

  it('an upload that was only begun leaves nothing', async () => {
    const json = { filename: 'a.png', mimeType: 'image/png', bytes: 10 }
    await failEveryStep(
      {
        stepsMin: 3,
        prepare: () => world.everything(),
        act: (app) => app.call('POST', '/uploads', { json }),
        async verify({ state: before }) {
          await sweep(80)
          const added = (await world.everything()).filter((key) => !before.includes(key))
          expect(added).toEqual([])
        },
      },
      way,
    )
  })

  it('a sweep is finished by the next one', async () => {
    await failEveryStep(
      {
        stepsMin: 8,
        async prepare() {
          const image = await imageWithVariants()
          // Dies right after the tombstone.
          const dying = withFault(world, { step: 4, takesEffect: false, forEver: true })
          expect(
            (await (await createTestApi(world, dying)).call('DELETE', `/images/${image.id}`)).status,
          ).toBe(204)
          world.advance(16 * 60)
          return image
        },
        async act(app) {
          await app.tidy.sweepIntents().catch(() => undefined)
          return null
        },
        async verify({ state: image, faults }) {
          const purged = [...(await sweep()), ...faults.purged]
          expect(await remainsOf(image.id)).toEqual({ record: null, rest: [] })
          expect(purged).toContain(image.id)
        },
      },
      way,
    )
  })

  it('retained originals stay, and those of failed replacements go', async () => {
    await failEveryStep(
      {
        stepsMin: 10,
        retainOriginals: true,
        prepare: async () => ({ image: await imageWithVariants(), wasReplaced: false }),
        async act(app, state) {
          const { id } = state.image
          const response = await app.call('PUT', `/images/${id}/original`, { body: formOf(second) })
          state.wasReplaced = response.status === 200
          return app.call('DELETE', `/images/${id}`)
        },
        async verify({ state: { image, wasReplaced } }) {
          await sweep(16, true)
          const { record, rest } = await remainsOf(image.id)
          const originals = rest.filter((key) => key.startsWith('o/'))
          expect(originals).toContain(image.s3Key)
          if (wasReplaced) expect(originals).toHaveLength(2)
          // Unless the record was changed and only the answer lost.
          else if (!way.takesEffect) expect(originals).toEqual([image.s3Key])
          if (record !== null) expect(originals).toContain(record.s3Key)
          expect(rest.filter((key) => key.startsWith('INTENT'))).toEqual([])
          if (record === null) expect(rest).toEqual(originals)
        },
      },
      way,
    )
  })
})

describe('a deletion', () => {
  it('removes at once what a replacement has left that died a moment ago', async () => {
    const { id } = await imageWithVariants()
    const dying = withFault(world, { step: 4, takesEffect: false, forEver: true })
    await (await createTestApi(world, dying)).call('PUT', `/images/${id}/original`, { body: formOf(second) })
    expect(await keysIn(world.originals, `o/${id}/`)).toHaveLength(2)
    expect((await healthy.call('DELETE', `/images/${id}`)).status).toBe(204)
    expect(await keysIn(world.originals, `o/${id}/`)).toEqual([])
  })
})

describe('a sweep', () => {
  it('leaves the objects of a change that is under way', async () => {
    const image = await imageWithVariants()
    // One replacement dies; a quarter of an hour later another is between its object and its record.
    const dying = withFault(world, { step: 5, takesEffect: true, forEver: true })
    await (
      await createTestApi(world, dying)
    ).call('PUT', `/images/${image.id}/original`, { body: formOf(second) })
    world.advance(16 * 60)
    const third = await plainPng(100, 140, '#0000ff')
    const meanwhile = await createTestApi(world, {
      metadata: {
        ...world.metadata,
        async update(...change) {
          await healthy.tidy.sweepIntents()
          return world.metadata.update(...change)
        },
      },
    })
    const response = await meanwhile.call('PUT', `/images/${image.id}/original`, { body: formOf(third) })
    expect(response.status).toBe(200)
    const { s3Key } = (await response.json()) as ImageView
    expect(await keysIn(world.originals, `o/${image.id}/`)).toEqual([s3Key])
  })

  it('takes all that was begun before the process as over, when it is told so', async () => {
    await sweep()
    const before = await world.everything()
    const dying = withFault(world, { step: 2, takesEffect: true, forEver: true })
    await (await createTestApi(world, dying)).call('POST', '/images', { body: formOf(first) })
    expect((await world.everything()).length).toBeGreaterThan(before.length)
    expect(await healthy.tidy.sweepIntents()).toEqual({ tidied: 0, waiting: 0, failed: 0 })
    world.advance(1)
    const report = await healthy.tidy.sweepIntents({ openedBefore: world.now() })
    expect(report.tidied).toBeGreaterThan(0)
    expect(await world.everything()).toEqual(before)
  })

  it('goes on after a minute with a deletion whose purge was refused', async () => {
    const { id } = await healthy.upload(first)
    const refused = await createTestApi(world, {
      purge: async () => {
        throw new Error('too much in progress')
      },
    })
    expect((await refused.call('DELETE', `/images/${id}`)).status).toBe(204)
    healthy.purged.splice(0)
    world.advance(59)
    await healthy.tidy.sweepIntents()
    expect(healthy.purged).not.toContain(id)
    world.advance(2)
    await healthy.tidy.sweepIntents()
    expect(healthy.purged).toContain(id)
    await sweep()
    expect((await remainsOf(id)).rest).toEqual([])
  })

  it('goes on after an image that fails, and tries that one again', async () => {
    const images = [await healthy.upload(first), await healthy.upload(first), await healthy.upload(first)]
    for (const { id } of images) {
      const dying = withFault(world, { step: 4, takesEffect: false, forEver: true })
      await (await createTestApi(world, dying)).call('DELETE', `/images/${id}`)
    }
    world.advance(16 * 60)
    const bad = images[0]!.id
    const failing = await createTestApi(world, {
      purge: async (ids) => {
        if (ids.includes(bad)) throw new Error('no CDN for this one')
      },
    })
    expect(await failing.tidy.sweepIntents()).toMatchObject({ tidied: 2, failed: 1 })
    expect(await healthy.tidy.sweepIntents()).toMatchObject({ tidied: 1, failed: 0 })
  })
})
