import { Registry } from 'prom-client'
import { beforeEach, describe, expect, it } from 'vitest'
import { aliasRev, type Variant } from '../core/image-url.ts'
import type { Job, JobQueue } from '../core/job-queue.ts'
import type { Ledger } from '../core/ledger.ts'
import { createTestLedgerTable } from '../local/testing/test-table.ts'
import { createDynamoLedger } from '../stores/dynamo-ledger.ts'
import { createRequestCounts, hasBecomePopular, type RequestCountsDependencies } from './request-counts.ts'
import { silent } from './testing/test-origin.ts'

const day = '2026-11-22'
const avif: Variant = {
  id: '01JD0R3XW6ZQJ5Y5T1V9N4K8MH',
  rev: aliasRev,
  size: { kind: 'rung', width: 640, ratio: '', fit: 'inside' },
  band: 2,
  format: 'avif',
}
const webp: Variant = { ...avif, format: 'webp' }
const upgrade: Job = { kind: 'upgrade', path: `/v/${avif.id}/_/1-w640-q2.avif` }

let ledger: Ledger
let sent: Job[]

beforeEach(async () => {
  ledger = createDynamoLedger(await createTestLedgerTable())
  sent = []
})

function newCounts(overrides: Partial<RequestCountsDependencies> = {}) {
  const metrics = new Registry()
  const counts = createRequestCounts({
    ledger,
    queue: { send: async (jobs) => void sent.push(...jobs) },
    now: () => Date.parse(`${day}T23:59:59Z`),
    log: silent,
    metrics,
    background: (task) => void task,
    ...overrides,
  })
  return {
    ...counts,
    async failures(): Promise<number> {
      const { values } = await metrics.getSingleMetric('tintype_count_failures_total')!.get()
      return values.reduce((sum, { value }) => sum + value, 0)
    },
    async ask(variant: Variant, times: number): Promise<void> {
      for (let n = 0; n < times; n++) {
        counts.answered({ variant, askedWidth: 601, bytes: 1000, hit: n > 0 })
      }
      await counts.flush()
    },
  }
}

describe('what is counted', () => {
  it('comes to the ledger per rung, image and width', async () => {
    const counts = newCounts()
    counts.rendered(avif, 40)
    await counts.ask(avif, 3)
    counts.answered({ variant: webp, askedWidth: null, bytes: 5, hit: true })
    await counts.flush()
    const ofAvif = { requests: 3, hits: 2, bytes: 3000, renders: 1, renderMs: 40 }
    const ofWebp = { requests: 1, hits: 1, bytes: 5, renders: 0, renderMs: 0 }
    expect(await ledger.rungs(day, day)).toEqual([
      { rung: '640', format: 'avif', ...ofAvif },
      { rung: '640', format: 'webp', ...ofWebp },
    ])
    expect(await ledger.ofImage(avif.id)).toEqual([
      { variant: avif, ...ofAvif },
      { variant: webp, ...ofWebp },
    ])
    expect(await ledger.askedWidths(day, day)).toEqual([{ width: 608, requests: 3 }])
  })

  it('is not counted twice', async () => {
    const counts = newCounts()
    await counts.ask(avif, 2)
    await counts.flush()
    expect(await ledger.rungs(day, day)).toMatchObject([{ requests: 2 }])
  })

  it('is written early when there are very many variants', async () => {
    const tasks: Promise<unknown>[] = []
    const sizes: number[] = []
    const slow: Ledger = {
      ...ledger,
      add: async ({ variants }) => {
        sizes.push(variants.length)
        return variants.map(() => 1)
      },
    }
    const counts = newCounts({ ledger: slow, background: (task) => void tasks.push(task) })
    for (let n = 0; n < 12_000; n++) {
      counts.rendered({ ...avif, id: `01JD0R3XW6ZQJ5Y5T1${String(n).padStart(8, '0')}` }, 1)
    }
    await Promise.all(tasks)
    expect(sizes).toEqual([5000, 5000])
  })
})

describe('what proves popular', () => {
  it('is queued for a better encoding, whichever process sees the last request', async () => {
    await newCounts().ask(avif, 30)
    expect(sent).toEqual([])
    await newCounts().ask(avif, 30)
    expect(sent).toEqual([upgrade])
    await newCounts().ask(avif, 30)
    expect(sent).toEqual([upgrade])
  })

  it('is queued as AVIF only: nothing else gets better', async () => {
    await newCounts().ask(webp, 500)
    expect(sent).toEqual([])
  })

  it('is queued later when it cannot be now', async () => {
    let down = true
    const queue: JobQueue = {
      async send(jobs) {
        if (down) throw new Error('no queue')
        sent.push(...jobs)
      },
    }
    const counts = newCounts({ queue })
    await counts.ask(avif, 60)
    expect(await counts.failures()).toBe(1)
    down = false
    await counts.ask(avif, 30)
    expect(sent).toEqual([])
    await counts.ask(avif, 30)
    expect(sent).toEqual([upgrade])
    expect(await ledger.rungs(day, day)).toMatchObject([{ requests: 120 }])
  })

  it.each([
    [0, 49, false],
    [0, 50, true],
    [49, 50, true],
    [50, 99, false],
    [50, 100, true],
    [99, 199, true],
    [100, 199, false],
    [0, 100_000, true],
  ])('from %i to %i requests: %s', (before, after, expected) => {
    expect(hasBecomePopular(before, after)).toBe(expected)
  })
})

it('goes on counting after the ledger was down', async () => {
  let down = true
  const counts = newCounts({
    ledger: {
      ...ledger,
      add: (entry) => (down ? Promise.reject(new Error('no table')) : ledger.add(entry)),
    },
  })
  await counts.ask(avif, 2)
  expect(await counts.failures()).toBe(1)
  down = false
  await counts.ask(avif, 3)
  expect(await ledger.rungs(day, day)).toMatchObject([{ requests: 3 }])
})
