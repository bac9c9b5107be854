import pLimit from 'p-limit'
import { type Variant, variantKey, variantPrefix } from '../core/image-url.ts'
import {
  addCounts,
  type AskedWidth,
  type Counts,
  type Ledger,
  type LedgerEntry,
  noCounts,
  type RungCounts,
  rungOf,
} from '../core/ledger.ts'
import { ttlAttribute } from './dynamo-table.ts'

const daySeconds = 86_400
const variantDays = 90
const rungDays = 400
const updatesAtOnce = 16

/** Rungs are multiples of 8, so a width rounded up to one snaps as it did, and a day has 1,024 widths at most. */
const askedWidthStep = 8

export type LedgerItem = Record<string, unknown>

/** Members of an UpdateItem as DynamoDB names them, with plain values. */
export interface LedgerUpdate {
  Key: { PK: string; SK: string }
  UpdateExpression: string
  ExpressionAttributeNames: Record<string, string>
  ExpressionAttributeValues: Record<string, unknown>
  ReturnValues: 'UPDATED_NEW'
}

/**
 * The side of the ledger that counts: one update per variant, rung and width, whichever client sends it.
 *
 * @param update carries out an update and gives the attributes that it has changed
 * @param now milliseconds since 1970
 */
export function createLedgerWriter(
  update: (update: LedgerUpdate) => Promise<LedgerItem>,
  now: () => number,
): Pick<Ledger, 'add'> {
  const limit = pLimit(updatesAtOnce)

  return {
    async add(entry) {
      const [totals] = await Promise.all([
        Promise.all(entry.variants.map((counts) => addVariant(counts, entry.day))),
        Promise.all([...sumsByRung(entry.variants)].map((counts) => addRung(counts, entry.day))),
        Promise.all(sumsByWidth(entry.asked).map((asked) => addAsked(asked, entry.day))),
      ])
      return totals
    },
  }

  async function addVariant({ variant, ...counts }: Counts & { variant: Variant }, day: string) {
    const SK = variantKey(variant).slice(variantPrefix(variant.id).length)
    const item = await add({ PK: `IMAGE#${variant.id}`, SK }, counts, { lastDay: day }, variantDays)
    return Number(item.requests)
  }

  function addRung({ rung, format, ...counts }: RungCounts, day: string): Promise<LedgerItem> {
    return add({ PK: `DAY#${day}`, SK: `RUNG#${rung}#${format}` }, counts, { rung, format }, rungDays)
  }

  function addAsked({ width, requests }: AskedWidth, day: string): Promise<LedgerItem> {
    const SK = `ASKED#${String(width).padStart(4, '0')}`
    return add({ PK: `DAY#${day}`, SK }, { requests }, { width }, rungDays)
  }

  /** One atomic update: raises the counters, sets the facts, and puts off the item's end. */
  function add(
    Key: LedgerUpdate['Key'],
    counts: Partial<Counts>,
    facts: LedgerItem,
    keptDays: number,
  ): Promise<LedgerItem> {
    const ttl = Math.floor(now() / 1000) + keptDays * daySeconds
    const set = { ...facts, [ttlAttribute]: ttl }
    return limit(() =>
      update({
        Key,
        UpdateExpression: `ADD ${clauses(counts, ' ')} SET ${clauses(set, ' = ')}`,
        ExpressionAttributeNames: named('#', { ...counts, ...set }, (name) => name),
        ExpressionAttributeValues: named(':', { ...counts, ...set }, (_, value) => value),
        ReturnValues: 'UPDATED_NEW',
      }),
    )
  }
}

function clauses(values: object, operator: string): string {
  return Object.keys(values)
    .map((name) => `#${name}${operator}:${name}`)
    .join(', ')
}

function named<Value>(
  mark: string,
  values: object,
  pick: (name: string, value: unknown) => Value,
): Record<string, Value> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [mark + name, pick(name, value)]))
}

function sumsByRung(variants: LedgerEntry['variants']): Iterable<RungCounts> {
  const sums = new Map<string, RungCounts>()
  for (const { variant, ...counts } of variants) {
    const rung = rungOf(variant)
    addTo(sums, `${rung}#${variant.format}`, { ...counts, rung, format: variant.format })
  }
  return sums.values()
}

/** Adds counts to those that a map has under a key. */
export function addTo(sums: Map<string, RungCounts>, key: string, counts: RungCounts): void {
  sums.set(key, { ...counts, ...addCounts(sums.get(key) ?? noCounts, counts) })
}

/** Sums over the widths of one step, in rising order. */
export function sumsByWidth(asked: readonly AskedWidth[]): AskedWidth[] {
  const sums = new Map<number, number>()
  for (const { width, requests } of asked) {
    const rounded = Math.ceil(width / askedWidthStep) * askedWidthStep
    sums.set(rounded, (sums.get(rounded) ?? 0) + requests)
  }
  return [...sums]
    .map(([width, requests]) => ({ width, requests }))
    .toSorted((left, right) => left.width - right.width)
}
