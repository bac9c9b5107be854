/** One request as a log tells of it. */
export interface LoggedRequest {
  /** percent-encoded, as the viewer sent it */
  readonly path: string
  /** without the question mark; '' where there is none */
  readonly query: string
  /** null where the log does not tell */
  readonly status: string | null
  /** the Content-Type of the answer; null where the log does not tell */
  readonly contentType: string | null
}

/** Reads one line after the other: null for a line that tells of no request, `malformed` for what is no line of a log. */
export type LineReader = (line: string) => LoggedRequest | 'malformed' | null

/**
 * Makes a reader of lines of URLs, or of a CloudFront standard log (tab-separated, its columns named by `#Fields:`). Which of
 * them it is shows by itself, also in several logs one after the other.
 *
 * Source: "Standard logging reference" in the Amazon CloudFront Developer Guide.
 */
export function createLineReader(): LineReader {
  let columns: Columns | null = null
  return (line) => {
    if (line.trim() === '') return null
    if (line.startsWith('#')) {
      if (line.startsWith('#Fields:')) columns = columnsOf(line)
      return null
    }
    return (columns === null ? fromUrl(line.trim()) : fromLog(line, columns)) ?? 'malformed'
  }
}

/** Whether a viewer got the picture, or was told that the one in the browser's cache is good. */
export function isAnswered({ status }: LoggedRequest): boolean {
  return status === null || /^(2\d\d|304)$/.test(status)
}

/** Where a CloudFront log has what is needed; -1 for a column that it lacks. */
interface Columns {
  readonly count: number
  readonly stem: number
  readonly query: number
  readonly status: number
  readonly contentType: number
}

function columnsOf(line: string): Columns {
  const names = line.slice('#Fields:'.length).trim().split(/\s+/)
  return {
    count: names.length,
    stem: names.indexOf('cs-uri-stem'),
    query: names.indexOf('cs-uri-query'),
    status: names.indexOf('sc-status'),
    contentType: names.indexOf('sc-content-type'),
  }
}

function fromLog(line: string, columns: Columns): LoggedRequest | null {
  const fields = line.split('\t')
  const path = fields[columns.stem]
  const query = fields[columns.query]
  if (fields.length !== columns.count || path === undefined || query === undefined) return null
  const contentType = fields[columns.contentType]
  // CloudFront writes '-' where there is nothing.
  return {
    path: unescapeField(path),
    query: query === '-' ? '' : unescapeField(query),
    status: fields[columns.status] ?? null,
    contentType: contentType === undefined || contentType === '-' ? null : contentType,
  }
}

/** CloudFront encodes the percent signs of a URL once more. */
function unescapeField(field: string): string {
  return field.replaceAll('%25', '%')
}

function fromUrl(text: string): LoggedRequest | null {
  const match = /^(?:https?:\/\/[^/?#\s]+)?(\/[^?#\s]*)(?:\?([^#\s]*))?(?:#\S*)?$/.exec(text)
  return match === null ? null : { path: match[1]!, query: match[2] ?? '', status: null, contentType: null }
}
