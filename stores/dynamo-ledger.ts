import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { DynamoDBDocumentClient, paginateQuery, UpdateCommand } from '@aws-sdk/lib-dynamodb'
import pLimit from 'p-limit'
import * as z from 'zod'
import { parseCanonicalPath, variantPrefix } from '../core/image-url.ts'
import { formats } from '../core/ladder.ts'
import type { Ledger, RungCounts } from '../core/ledger.ts'
import { addTo, createLedgerWriter, type LedgerItem, sumsByWidth } from './ledger-writer.ts'

export interface DynamoLedgerOptions {
  client: DynamoDBClient
  /** Must exist, as `ensureLedgerTable` makes it. */
  table: string
  /** Milliseconds since 1970. */
  now?: () => number
}

const daySeconds = 86_400
const queriesAtOnce = 16

const StoredCounts = z.object({
  requests: z.number().default(0),
  hits: z.number().default(0),
  bytes: z.number().default(0),
  renders: z.number().default(0),
  renderMs: z.number().default(0),
})
const RungItem = StoredCounts.extend({ rung: z.string(), format: z.enum(formats) })
const AskedItem = z.object({ width: z.number(), requests: z.number() })

/**
 * The ledger in a DynamoDB table: an item per variant under its image, and per rung and per width under its day. An
 * update that the SDK repeats because its answer was lost counts twice: counters are no accounts.
 */
export function createDynamoLedger({ client, table, now = Date.now }: DynamoLedgerOptions): Ledger {
  const documents = DynamoDBDocumentClient.from(client)
  const limit = pLimit(queriesAtOnce)
  const writer = createLedgerWriter(async (update) => {
    const { Attributes } = await documents.send(new UpdateCommand({ TableName: table, ...update }))
    return Attributes ?? {}
  }, now)

  return {
    add: writer.add,

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

  async function itemsOfDays(
    firstDay: string,
    lastDay: string,
    sortKeyPrefix: string,
  ): Promise<LedgerItem[]> {
    const days = daysBetween(firstDay, lastDay)
    const items = await Promise.all(days.map((day) => limit(() => query(`DAY#${day}`, sortKeyPrefix))))
    return items.flat()
  }

  async function query(partition: string, sortKeyPrefix: string): Promise<LedgerItem[]> {
    const items: LedgerItem[] = []
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
