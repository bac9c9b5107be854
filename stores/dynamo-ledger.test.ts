import { beforeEach, describe, expect, inject, it } from 'vitest'
import { aliasRev, type Variant } from '../core/image-url.ts'
import type { Ledger, VariantCounts } from '../core/ledger.ts'
import { createTestLedgerTable, type TestTable } from '../local/testing/test-table.ts'
import { createDynamoLedger } from './dynamo-ledger.ts'
import { createLightDynamoDb } from './light-dynamodb.ts'
import { createLightLedger } from './light-ledger.ts'

const id = '01JD0R3XW6ZQJ5Y5T1V9N4K8MH'
const other = '01JD0R3XW6ZQJ5Y5T1V9N4K8MJ'
const day = '2026-11-22'

let ledger: Ledger

/** Two clients that count; there is one that reads. */
const writers = {
  'of the SDK': createDynamoLedger,
  'that loads fast': ({ client, table }: TestTable): Ledger => {
    const credentials = { accessKeyId: 'local', secretAccessKey: 'local' }
    const endpoint = inject('dynamoEndpoint')
    const dynamoDb = createLightDynamoDb({ region: 'us-east-1', credentials, endpoint })
    return { ...createDynamoLedger({ client, table }), ...createLightLedger({ dynamoDb, table }) }
  },
}

function counted(variant: Partial<Variant>, counts: Partial<VariantCounts> = {}): VariantCounts {
  const size = { kind: 'rung', width: 640, ratio: '', fit: 'inside' } as const
  return {
    variant: { id, rev: aliasRev, size, band: 2, format: 'avif', ...variant },
    requests: 1,
    hits: 0,
    bytes: 100,
    renders: 0,
    renderMs: 0,
    ...counts,
  }
}

describe.each(Object.entries(writers))('the ledger, counted by the client %s,', (_client, open) => {
  beforeEach(async () => {
    ledger = open(await createTestLedgerTable())
  })

  it('tells how often each variant was asked for by now', async () => {
    const small = counted({ size: { kind: 'preset', name: 'thumb' } }, { requests: 2 })
    expect(await ledger.add({ day, variants: [counted({}, { requests: 3 }), small], asked: [] })).toEqual([
      3, 2,
    ])
    expect(await ledger.add({ day: '2026-11-23', variants: [small, counted({})], asked: [] })).toEqual([4, 4])
  })

  it('loses no count of many that come at once', async () => {
    const totals = await Promise.all(
      Array.from({ length: 40 }, () => ledger.add({ day, variants: [counted({})], asked: [] })),
    )
    expect(totals.flat().toSorted((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, at) => at + 1))
  })

  it('sums per rung and format over images and days, not over others', async () => {
    const wide = { kind: 'rung', width: 640, ratio: '16:9', fit: 'cover' } as const
    const render = { renders: 1, renderMs: 40, hits: 0 }
    await ledger.add({ day, variants: [counted({}, render), counted({ id: other }, { hits: 1 })], asked: [] })
    await ledger.add({ day: '2026-11-23', variants: [counted({}), counted({ size: wide })], asked: [] })
    await ledger.add({ day: '2026-11-24', variants: [counted({ format: 'webp' })], asked: [] })
    expect(await ledger.rungs(day, '2026-11-23')).toEqual([
      { rung: '640', format: 'avif', requests: 3, hits: 1, bytes: 300, renders: 1, renderMs: 40 },
      { rung: '640-16:9', format: 'avif', requests: 1, hits: 0, bytes: 100, renders: 0, renderMs: 0 },
    ])
    expect(await ledger.rungs('2026-11-24', '2026-11-24')).toMatchObject([{ rung: '640', format: 'webp' }])
    expect(await ledger.rungs('2025-01-01', '2025-01-02')).toEqual([])
  })

  it('keeps the widths that were asked for, in steps that no rung lies within', async () => {
    const asked = [
      { width: 1080, requests: 2 },
      { width: 371, requests: 1 },
      { width: 376, requests: 4 },
    ]
    await ledger.add({ day, variants: [], asked })
    await ledger.add({ day: '2026-11-23', variants: [], asked: [{ width: 375, requests: 5 }] })
    expect(await ledger.askedWidths(day, '2026-11-23')).toEqual([
      { width: 376, requests: 10 },
      { width: 1080, requests: 2 },
    ])
  })

  it('shows the variants of an image, in all revisions', async () => {
    const replaced = counted({ rev: '0123abcd' }, { requests: 7, renders: 2, renderMs: 90 })
    const signed = counted({ rev: 'p0123abcd', format: 'webp' })
    await ledger.add({ day, variants: [counted({}), replaced, signed, counted({ id: other })], asked: [] })
    expect(await ledger.ofImage(id)).toEqual(expect.arrayContaining([counted({}), replaced, signed]))
    expect(await ledger.ofImage(id)).toHaveLength(3)
    expect(await ledger.ofImage('01JD0R3XW6ZQJ5Y5T1V9N4K8MK')).toEqual([])
  })

  it('refuses what is no span of days', async () => {
    await expect(ledger.rungs('2026-11-23', day)).rejects.toThrow(RangeError)
    await expect(ledger.askedWidths('soon', day)).rejects.toThrow(RangeError)
  })
})
