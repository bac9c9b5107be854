import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import type { LedgerView } from '../api/ledger.ts'
import { photographs } from '../local/photographs.ts'
import { counter, type ImageJson, startTestSystem, type TestSystem, tokenFor, upload } from './test-system.ts'

let system: TestSystem

beforeAll(async () => {
  system = await startTestSystem({ PRERENDER: 'hot' })
})

afterAll(() => system.remove())

async function ledger(): Promise<LedgerView> {
  const token = await tokenFor(system.url, 'root', { scope: 'images:admin' })
  const headers = { authorization: `Bearer ${token}` }
  return (await (await fetch(`${system.url}/ledger`, { headers })).json()) as LedgerView
}

it('makes hot rungs at upload, counts what is asked for, and encodes better what proves popular', async () => {
  const photograph = new Uint8Array(readFileSync(photographs[0]!.path))
  const response = await upload(system.url, await tokenFor(system.url, 'ann'), photograph)
  const { id, rev } = (await response.json()) as ImageJson
  await vi.waitFor(async () => expect(await counter(system.url, 'tintype_jobs_total')).toBe(1), 20_000)

  // The variants are in the bucket: nobody waits for a render.
  const url = `${system.url}/i/${id}?r=${rev}&w=601`
  const headers = { accept: 'image/avif,*/*' }
  const first = await fetch(url, { headers })
  expect([first.status, first.headers.get('content-type')]).toEqual([200, 'image/avif'])
  expect(first.headers.get('cache-control')).toContain('s-maxage=86400')
  const quick = Buffer.from(await first.arrayBuffer())
  expect(await counter(system.url, 'tintype_renders_total')).toBe(0)

  for (let n = 1; n < 60; n++) await (await fetch(url, { headers })).arrayBuffer()
  await vi.waitFor(async () => expect(await counter(system.url, 'tintype_jobs_total')).toBe(2), 30_000)
  const { rungs, askedWidths } = await ledger()
  expect(rungs).toContainEqual({
    rung: '640',
    format: 'avif',
    requests: 60,
    hits: 59,
    bytes: 60 * quick.length,
    renders: 1,
    renderMs: expect.any(Number),
  })
  expect(askedWidths).toEqual([{ width: 608, requests: 60 }])

  // Another edge, or this one a day later, finds the better encoding; the counts outlive the process.
  await system.restart()
  const later = await fetch(`${system.url}/i/${id}?r=${rev}&w=601`, { headers })
  expect(later.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
  expect(Buffer.from(await later.arrayBuffer()).equals(quick)).toBe(false)
  expect((await ledger()).askedWidths).toEqual([{ width: 608, requests: 60 }])
})
