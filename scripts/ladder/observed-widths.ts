import { isFault, parseCanonicalPath, parseImageUrl, type QueryParameter } from '../../core/image-url.ts'
import { devicePixels } from '../../core/ladder.ts'
import { z } from 'zod'
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

/**
 * Reads the widths that were asked for from lines of URLs, or of a CloudFront standard log (tab-separated, its columns named by
 * `#Fields:`). Which of them it is shows by itself, also in several logs one after the other.
 */
export async function observeLines(lines: AsyncIterable<string> | Iterable<string>): Promise<Observation> {
  const counts: LineCounts = { used: 0, withoutWidth: 0, rewritten: 0, unrelated: 0, malformed: 0 }
  const requestsByWidth = new Map<number, number>()
  let columns: Columns | null = null

  for await (const line of lines) {
    if (line.trim() === '') continue
    if (line.startsWith('#')) {
      if (line.startsWith('#Fields:')) columns = columnsOf(line)
      continue
    }
    const request = columns === null ? fromUrl(line.trim()) : fromLog(line, columns)
    const reading = request === null ? 'malformed' : readWidth(request)
    if (typeof reading === 'string') {
      counts[reading]++
      continue
    }
    counts.used++
    requestsByWidth.set(reading.width, (requestsByWidth.get(reading.width) ?? 0) + 1)
  }
  return { widths: sortedWidths(requestsByWidth), lines: counts }
}

const Ledger = z.array(z.object({ width: z.int().positive(), requests: z.int().nonnegative() }))

/**
 * Reads a ledger, `[{"width": 720, "requests": 3}]`; a width may occur more than once.
 *
 * @throws an error that says where it is no ledger
 */
export function readLedger(json: string): ObservedWidth[] {
  const ledger = Ledger.safeParse(JSON.parse(json))
  if (!ledger.success) throw new RangeError(z.prettifyError(ledger.error))
  const requestsByWidth = new Map<number, number>()
  for (const { width, requests } of ledger.data) {
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

interface LoggedRequest {
  readonly path: string
  readonly query: string
  /** null where the log does not tell */
  readonly status: string | null
}

/** Where a CloudFront log has what is needed; -1 for a column that it lacks. */
interface Columns {
  readonly count: number
  readonly stem: number
  readonly query: number
  readonly status: number
}

function columnsOf(line: string): Columns {
  const names = line.slice('#Fields:'.length).trim().split(/\s+/)
  return {
    count: names.length,
    stem: names.indexOf('cs-uri-stem'),
    query: names.indexOf('cs-uri-query'),
    status: names.indexOf('sc-status'),
  }
}

function fromLog(line: string, columns: Columns): LoggedRequest | null {
  const fields = line.split('\t')
  const path = fields[columns.stem]
  const query = fields[columns.query]
  if (fields.length !== columns.count || path === undefined || query === undefined) return null
  // CloudFront writes '-' where there is no query.
  return {
    path: unescapeField(path),
    query: query === '-' ? '' : unescapeField(query),
    status: fields[columns.status] ?? null,
  }
}

/** CloudFront encodes the percent signs of a URL once more. */
function unescapeField(field: string): string {
  return field.replaceAll('%25', '%')
}

function fromUrl(text: string): LoggedRequest | null {
  const match = /^(?:https?:\/\/[^/?#\s]+)?(\/[^?#\s]*)(?:\?([^#\s]*))?(?:#\S*)?$/.exec(text)
  return match === null ? null : { path: match[1]!, query: match[2] ?? '', status: null }
}

function readWidth({
  path,
  query,
  status,
}: LoggedRequest): { width: number } | Exclude<keyof LineCounts, 'used'> {
  if (status !== null && !/^(2\d\d|304)$/.test(status)) return 'unrelated'
  if (parseCanonicalPath(path) !== null) return 'rewritten'
  if (!path.startsWith('/i/')) return 'unrelated'
  const parameters = parametersOf(query)
  const asked = parseImageUrl(path, parameters)
  if (isFault(asked)) return 'malformed'
  const width = valueOf(parameters, 'w')
  if (asked.size.kind === 'preset' || width === undefined) return 'withoutWidth'
  // The grammar has checked both.
  return { width: devicePixels(Number(width), Number(valueOf(parameters, 'dpr') ?? 1)) }
}

function parametersOf(query: string): QueryParameter[] {
  return query
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const at = pair.indexOf('=')
      return at < 0 ? { name: pair, value: '' } : { name: pair.slice(0, at), value: pair.slice(at + 1) }
    })
}

function valueOf(parameters: readonly QueryParameter[], name: string): string | undefined {
  return parameters.find((parameter) => parameter.name.toLowerCase() === name)?.value
}
