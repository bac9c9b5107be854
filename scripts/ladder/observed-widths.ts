import { askedWidthOf, queryParametersOf } from '../../core/asked-width.ts'
import { isFault, parseCanonicalPath, parseImageUrl } from '../../core/image-url.ts'
import { z } from 'zod'
import { createLineReader, isAnswered, type LoggedRequest } from '../request-log.ts'
import type { ObservedWidth } from './optimal-ladder.ts'

/** What became of the lines of a log. */
export interface LineCounts {
  /** image requests with a width: these are what a ladder is made of */
  used: number
  /** image requests by preset or without `w`: no ladder changes what they get */
  withoutWidth: number
  /** canonical paths, which tell the rung but no longer the width */
  rewritten: number
  /** requests for something else, or answered with an error */
  unrelated: number
  /** what is no line of a log, or a URL that the grammar refuses */
  malformed: number
}

export interface Observation {
  /** in rising order of width */
  readonly widths: ObservedWidth[]
  readonly lines: LineCounts
}

/** Reads the widths that were asked for from lines of URLs, or of a CloudFront standard log. */
export async function observeLines(lines: AsyncIterable<string> | Iterable<string>): Promise<Observation> {
  const counts: LineCounts = { used: 0, withoutWidth: 0, rewritten: 0, unrelated: 0, malformed: 0 }
  const requestsByWidth = new Map<number, number>()
  const readLine = createLineReader()

  for await (const line of lines) {
    const request = readLine(line)
    if (request === null) continue
    const reading = request === 'malformed' ? request : readWidth(request)
    if (typeof reading === 'string') {
      counts[reading]++
      continue
    }
    counts.used++
    requestsByWidth.set(reading.width, (requestsByWidth.get(reading.width) ?? 0) + 1)
  }
  return { widths: sortedWidths(requestsByWidth), lines: counts }
}

const AskedWidths = z.array(z.object({ width: z.int().positive(), requests: z.number().nonnegative() }))

/**
 * Reads a ledger: what GET /ledger answers, or just its widths, `[{"width": 720, "requests": 3}]`. A width may occur more
 * than once.
 *
 * @throws an error that says where it is no ledger
 */
export function readLedger(json: string): ObservedWidth[] {
  const document: unknown = JSON.parse(json)
  const isView = typeof document === 'object' && document !== null && 'askedWidths' in document
  const widths = AskedWidths.safeParse(isView ? document.askedWidths : document)
  if (!widths.success) throw new RangeError(z.prettifyError(widths.error))
  const requestsByWidth = new Map<number, number>()
  for (const { width, requests } of widths.data) {
    requestsByWidth.set(width, (requestsByWidth.get(width) ?? 0) + requests)
  }
  return sortedWidths(requestsByWidth)
}

/** Counts widths one by one, in rising order. */
export function countWidths(widths: Iterable<number>): ObservedWidth[] {
  const requestsByWidth = new Map<number, number>()
  for (const width of widths) requestsByWidth.set(width, (requestsByWidth.get(width) ?? 0) + 1)
  return sortedWidths(requestsByWidth)
}

function sortedWidths(requestsByWidth: ReadonlyMap<number, number>): ObservedWidth[] {
  return [...requestsByWidth]
    .map(([width, requests]) => ({ width, requests }))
    .toSorted((left, right) => left.width - right.width)
}

function readWidth(request: LoggedRequest): { width: number } | Exclude<keyof LineCounts, 'used'> {
  if (!isAnswered(request)) return 'unrelated'
  const { path, query } = request
  if (parseCanonicalPath(path) !== null) return 'rewritten'
  if (!path.startsWith('/i/')) return 'unrelated'
  const parameters = queryParametersOf(query)
  const asked = parseImageUrl(path, parameters)
  if (isFault(asked)) return 'malformed'
  const width = askedWidthOf(parameters)
  return width === null ? 'withoutWidth' : { width }
}
