import { queryParametersOf } from '../../core/asked-width.ts'
import {
  isSignedRev,
  formatImageUrl,
  isFault,
  parseCanonicalPath,
  parseImageUrl,
} from '../../core/image-url.ts'
import type { ImageRequest } from '../../core/image-url.ts'
import { type Format, formats } from '../../core/ladder.ts'
import { createLineReader, isAnswered, type LoggedRequest } from '../request-log.ts'

/** What became of the lines of a log. */
export interface DemandLines {
  /** requests for pictures that anybody may see: these count */
  used: number
  'private requests': number
  'requests for something else or failed': number
  'malformed lines': number
}

/** What viewers asked for. */
export interface Demand {
  /**
   * Requests by the shortest URL (path and query) that means the same; without `f` where the log does not tell the
   * format.
   */
  readonly weights: ReadonlyMap<string, number>
  readonly lines: DemandLines
}

/**
 * Counts what viewers asked for in lines of URLs or of a CloudFront standard log. The memory it takes grows with the
 * different pictures, not with the lines.
 */
export async function readDemand(lines: AsyncIterable<string> | Iterable<string>): Promise<Demand> {
  const weights = new Map<string, number>()
  const counts: DemandLines = {
    used: 0,
    'private requests': 0,
    'requests for something else or failed': 0,
    'malformed lines': 0,
  }
  const readLine = createLineReader()
  for await (const line of lines) {
    const logged = readLine(line)
    if (logged === null) continue
    const asked = logged === 'malformed' ? 'malformed lines' : readRequest(logged)
    if (typeof asked === 'string') {
      counts[asked]++
      continue
    }
    counts.used++
    const url = formatImageUrl(asked)
    const weight = weights.get(url)
    weights.set(weight === undefined ? detached(url) : url, (weight ?? 0) + 1)
  }
  return { weights, lines: counts }
}

/** A text of its own: one that is put together from pieces of a line keeps the whole line in memory. */
function detached(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1')
}

function readRequest(logged: LoggedRequest): ImageRequest | Exclude<keyof DemandLines, 'used'> {
  if (!isAnswered(logged)) return 'requests for something else or failed'
  if (logged.path.startsWith('/p/')) return 'private requests'
  const variant = parseCanonicalPath(logged.path)
  if (variant !== null) return isSignedRev(variant.rev) ? 'private requests' : variant
  if (!logged.path.startsWith('/i/')) return 'requests for something else or failed'
  const asked = parseImageUrl(logged.path, queryParametersOf(logged.query))
  if (isFault(asked)) return 'malformed lines'
  return asked.format === '' ? { ...asked, format: formatOf(logged.contentType) } : asked
}

/** The format that was negotiated; parameters of the type, which CloudFront writes after `;`, are not looked at. */
function formatOf(contentType: string | null): Format | '' {
  const type = contentType?.split(';')[0]
  return formats.find((format) => type === `image/${format}`) ?? ''
}
