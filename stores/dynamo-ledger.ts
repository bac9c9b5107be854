import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { DynamoDBDocumentClient, paginateQuery, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import pLimit from 'p-limit'
import { z } from 'zod'
import { parseCanonicalPath, type Variant, variantKey, variantPrefix } from '../core/image-url.ts'
import { formats } from '../core/ladder.ts'
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

export interface DynamoLedgerOptions {
  client: DynamoDBClient
  /** Must exist, as `ensureLedgerTable` makes it. */
  table: string
  /** Milliseconds since 1970. */
  now?: () => number
}

const daySeconds = 86_400
const variantDays = 90
const rungDays = 400
const updatesAtOnce = 16

/** Rungs are multiples of 8, so a width rounded up to one snaps as it did, and a day has 1,024 widths at most. */
const askedWidthStep = 8

const StoredCounts = z.object({
  requests: z.number().default(0),
  hits: z.number().default(0),
  bytes: z.number().default(0),
  renders: z.number().default(0),
  renderMs: z.number().default(0),
})
const RungItem = StoredCounts.extend({ rung: z.string(), format: z.enum(formats) })
const AskedItem = z.object({ width: z.number(), requests: z.number() })

type Item = Record<string, unknown>

interface Key {
  PK: string
  SK: string
}

/**
 * The ledger in a DynamoDB table: an item per variant under its image, and per rung and per width under its day. An
 * update that the SDK repeats because its answer was lost counts twice: counters are no accounts.
 */
export function createDynamoLedger({ client, table, now = Date.now }: DynamoLedgerOptions): Ledger {
  const documents = DynamoDBDocumentClient.from(client)
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

    async rungs(firstDay, lastDay) {
      const sums = new Map<string, RungCounts>()
      for (const item of await itemsOfDays(firstDay, lastDay, 'RUNG#')) {
        const counts = RungItem.parse(item)
        addTo(sums, `${counts.rung}#${counts.format}`, counts)
      }
      return [...sums.values()]
    },

    async askedWidths(firstDay, lastDay) {
      const items = await itemsOfDays(firstDay, lastDay, 'ASKED#')
      return sumsByWidth(items.map((item) => AskedItem.parse(item)))
    },

    async ofImage(id) {
      const items = await query(`IMAGE#${id}`, '')
      return items.flatMap((item) => {
        const variant = parseCanonicalPath(`/${variantPrefix(id)}${String(item.SK)}`)
        // Of an earlier ladder.
        return variant === null ? [] : [{ ...StoredCounts.parse(item), variant }]
      })
    },
  }

  async function addVariant({ variant, ...counts }: Counts & { variant: Variant }, day: string) {
    const SK = variantKey(variant).slice(variantPrefix(variant.id).length)
    const item = await add({ PK: `IMAGE#${variant.id}`, SK }, counts, { lastDay: day }, variantDays)
    return Number(item.requests)
  }

  function addRung({ rung, format, ...counts }: RungCounts, day: string): Promise<Item> {
    return add({ PK: `DAY#${day}`, SK: `RUNG#${rung}#${format}` }, counts, { rung, format }, rungDays)
  }

  function addAsked({ width, requests }: AskedWidth, day: string): Promise<Item> {
    const SK = `ASKED#${String(width).padStart(4, '0')}`
    return add({ PK: `DAY#${day}`, SK }, { requests }, { width }, rungDays)
  }

  /** One atomic update: raises the counters, sets the facts, and puts off the item's end. */
  async function add(key: Key, counts: Partial<Counts>, facts: Item, keptDays: number): Promise<Item> {
    const ttl = Math.floor(now() / 1000) + keptDays * daySeconds
    const set = { ...facts, [ttlAttribute]: ttl }
    const { Attributes } = await limit(() =>
      documents.send(
        new UpdateCommand({
          TableName: table,
          Key: key,
          UpdateExpression: `ADD ${clauses(counts, ' ')} SET ${clauses(set, ' = ')}`,
          ExpressionAttributeNames: named('#', { ...counts, ...set }, (name) => name),
          ExpressionAttributeValues: named(':', { ...counts, ...set }, (_, value) => value),
          ReturnValues: 'UPDATED_NEW',
        }),
      ),
    )
    return Attributes ?? {}
  }

  async function itemsOfDays(firstDay: string, lastDay: string, sortKeyPrefix: string): Promise<Item[]> {
    const days = daysBetween(firstDay, lastDay)
    const items = await Promise.all(days.map((day) => limit(() => query(`DAY#${day}`, sortKeyPrefix))))
    return items.flat()
  }

  async function query(partition: string, sortKeyPrefix: string): Promise<Item[]> {
    const items: Item[] = []
    const begins = sortKeyPrefix === '' ? '' : ' AND begins_with(SK, :prefix)'
    const pages = paginateQuery(
      { client: documents },
      {
        TableName: table,
        KeyConditionExpression: `PK = :partition${begins}`,
        ExpressionAttributeValues: {
          ':partition': partition,
          ...(sortKeyPrefix !== '' && { ':prefix': sortKeyPrefix }),
        },
      },
    )
    for await (const { Items = [] } of pages) items.push(...Items)
    return items
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

function addTo(sums: Map<string, RungCounts>, key: string, counts: RungCounts): void {
  sums.set(key, { ...counts, ...addCounts(sums.get(key) ?? noCounts, counts) })
}

function sumsByWidth(asked: readonly AskedWidth[]): AskedWidth[] {
  const sums = new Map<number, number>()
  for (const { width, requests } of asked) {
    const rounded = Math.ceil(width / askedWidthStep) * askedWidthStep
    sums.set(rounded, (sums.get(rounded) ?? 0) + requests)
  }
  return [...sums]
    .map(([width, requests]) => ({ width, requests }))
    .toSorted((left, right) => left.width - right.width)
}

/** @throws RangeError if one of them is no day, or the first comes after the last */
function daysBetween(firstDay: string, lastDay: string): string[] {
  const days: string[] = []
  const last = Date.parse(lastDay)
  for (let at = Date.parse(firstDay); at <= last; at += daySeconds * 1000) {
    days.push(new Date(at).toISOString().slice(0, 10))
  }
  if (days.length === 0) throw new RangeError(`${firstDay} to ${lastDay} are no days, one after the other`)
  return days
}
