import type { ProblemCode, ProblemFault } from './api-types.ts'

/** What a problem says, as it comes over the wire. */
interface ProblemBody {
  code: ProblemCode
  detail: string
  requestId: string
  errors?: ProblemFault[]
  currentVersion?: number
}

/**
 * An answer that is no success.
 *
 * `UNEXPECTED_ANSWER` is the code of an answer that is no problem of the API: of a gateway in front of it, or of the
 * object store that takes direct uploads. That there is no answer at all is no ApiProblem: `fetch` throws then.
 */
export class ApiProblem extends Error {
  override readonly name = 'ApiProblem'
  readonly code: ProblemCode | 'UNEXPECTED_ANSWER'
  readonly status: number
  /** In words, for a person. */
  readonly detail: string
  /** With VALIDATION_FAILED: what is wrong, and where. */
  readonly errors: readonly ProblemFault[]
  /** By which the operator finds the request in the log; null where the answer names none. */
  readonly requestId: string | null
  /** With VERSION_MISMATCH: the version that the image has now. */
  readonly currentVersion: number | undefined
  /** When to try again, with RATE_LIMITED and UNAVAILABLE. */
  readonly retryAfterSeconds: number | undefined

  constructor(response: Response, body: Partial<ProblemBody> = {}) {
    const code = body.code ?? 'UNEXPECTED_ANSWER'
    const detail = body.detail ?? `The answer has status ${response.status}, and tells no more.`
    super(`${code}: ${detail}`)
    this.code = code
    this.status = response.status
    this.detail = detail
    this.errors = body.errors ?? []
    this.requestId = body.requestId ?? response.headers.get('x-request-id')
    this.currentVersion = body.currentVersion
    this.retryAfterSeconds = secondsIn(response.headers.get('retry-after'))
  }
}

/** The problem that an answer tells of. Takes its body. */
export async function readProblem(response: Response): Promise<ApiProblem> {
  const isProblem = /^application\/problem\+json/i.test(response.headers.get('content-type') ?? '')
  const text = await response.text()
  if (!isProblem) return new ApiProblem(response)
  try {
    return new ApiProblem(response, JSON.parse(text) as ProblemBody)
  } catch {
    return new ApiProblem(response)
  }
}

/** Retry-After may be a date too (RFC 9110, 10.2.3); the API sends seconds. */
function secondsIn(retryAfter: string | null): number | undefined {
  return /^\d+$/.test(retryAfter ?? '') ? Number(retryAfter) : undefined
}
