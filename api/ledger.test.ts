import { beforeAll, describe, expect, it } from 'vitest'
import { aliasRev } from '../core/image-url.ts'
import { noCounts } from '../core/ledger.ts'
import { photograph } from './testing/pictures.ts'
import {
  createTestApi,
  createTestWorld,
  problemIn,
  type TestApi,
  type TestWorld,
} from './testing/test-api.ts'

let world: TestWorld
let app: TestApi

const admin = { as: 'root', scope: 'images:admin' }

beforeAll(async () => {
  world = await createTestWorld()
  app = await createTestApi(world)
  return world.stop
})

async function count(imageId: string, day: string): Promise<void> {
  const size = { kind: 'rung', width: 640, ratio: '', fit: 'inside' } as const
  const variant = { id: imageId, rev: aliasRev, size, band: 2, format: 'avif' } as const
  const counts = { ...noCounts, requests: 3, hits: 2, bytes: 900 }
  await world.ledger.add({ day, variants: [{ variant, ...counts }], asked: [{ width: 601, requests: 3 }] })
}

const dayBefore = (days: number): string =>
  new Date(world.now() - days * 24 * 3600 * 1000).toISOString().slice(0, 10)

describe('GET /ledger', () => {
  it('shows an administrator the last 30 days, or the days asked for', async () => {
    await count('01JD0R3XW6ZQJ5Y5T1V9N4K8MH', dayBefore(0))
    await count('01JD0R3XW6ZQJ5Y5T1V9N4K8MJ', dayBefore(29))
    await count('01JD0R3XW6ZQJ5Y5T1V9N4K8MJ', dayBefore(30))
    const recent = await (await app.call('GET', '/ledger', admin)).json()
    expect(recent).toEqual({
      from: dayBefore(29),
      to: dayBefore(0),
      rungs: [{ rung: '640', format: 'avif', ...noCounts, requests: 6, hits: 4, bytes: 1800 }],
      askedWidths: [{ width: 608, requests: 6 }],
    })
    const days = `from=${dayBefore(30)}&to=${dayBefore(30)}`
    expect(await (await app.call('GET', `/ledger?${days}`, admin)).json()).toMatchObject({
      rungs: [{ requests: 3 }],
    })
  })

  it('is for administrators', async () => {
    expect((await app.call('GET', '/ledger')).status).toBe(403)
    expect((await app.call('GET', '/ledger', { as: null })).status).toBe(401)
  })

  it.each([
    'from=yesterday',
    'from=2026-02-30',
    'from=2026-01-02&to=2026-01-01',
    'from=2020-01-01',
    'days=3',
  ])('refuses %s', async (query) => {
    const response = await app.call('GET', `/ledger?${query}`, admin)
    expect(await problemIn(response)).toMatchObject({ status: 400, code: 'VALIDATION_FAILED' })
  })
})

describe('GET /images/:id/ledger', () => {
  it('shows the owner what was asked for, and nobody else', async () => {
    const { id } = await app.upload(photograph())
    await count(id, dayBefore(0))
    expect(await (await app.call('GET', `/images/${id}/ledger`)).json()).toEqual({
      variants: [
        { path: `/v/${id}/_/1-w640-q2.avif`, requests: 3, hits: 2, bytes: 900, renders: 0, renderMs: 0 },
      ],
    })
    expect((await app.call('GET', `/images/${id}/ledger`, { as: 'bob' })).status).toBe(403)
    expect((await app.call('GET', '/images/01JD0R3XW6ZQJ5Y5T1ZZZZZZZZ/ledger')).status).toBe(404)
  })
})
