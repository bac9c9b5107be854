/**
 * An error with a meaning for the caller: becomes an `application/problem+json` answer (RFC 9457).
 * Anything else that is thrown is a fault of ours, and becomes a 500 that tells nothing.
 */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly code: string
  readonly status: number
  /** What may be shown to the caller; never a cause, a key or a path. */
  readonly publicMessage: string
  /** Members that extend the answer, such as `currentVersion`. */
  readonly extensions: Readonly<Record<string, unknown>>
  /** Headers of the answer, such as `Retry-After`. */
  readonly headers: Readonly<Record<string, string>>

  constructor(
    code: string,
    status: number,
    publicMessage: string,
    options: { cause?: unknown; extensions?: Record<string, unknown>; headers?: Record<string, string> } = {},
  ) {
    super(`${code}: ${publicMessage}`, { cause: options.cause })
    this.code = code
    this.status = status
    this.publicMessage = publicMessage
    this.extensions = options.extensions ?? {}
    this.headers = options.headers ?? {}
  }
}

const titles: Record<number, string> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  410: 'Gone',
  412: 'Precondition Failed',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Content',
  428: 'Precondition Required',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
}

/** The answer for a problem. `requestId` lets an operator find the log line of it. */
export function problemResponse(problem: Problem, requestId: string): Response {
  const body = {
    type: 'about:blank',
    title: titles[problem.status] ?? 'Error',
    status: problem.status,
    detail: problem.publicMessage,
    code: problem.code,
    requestId,
    ...problem.extensions,
  }
  return new Response(JSON.stringify(body), {
    status: problem.status,
    headers: { 'content-type': 'application/problem+json', ...problem.headers },
  })
}
