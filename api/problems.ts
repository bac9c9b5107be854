import { Problem } from '../core/problem.ts'

/** Every code that an answer can carry, with its status. */
export const problemStatus = {
  INVALID_FILE_TYPE: 400,
  VALIDATION_FAILED: 400,
  INVALID_CURSOR: 400,
  UNAUTHENTICATED: 401,
  NOT_AUTHORIZED: 403,
  IMAGE_NOT_FOUND: 404,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  VERSION_MISMATCH: 409,
  UPLOAD_INCOMPLETE: 409,
  IMAGE_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  IMAGE_UNPROCESSABLE: 422,
  IDEMPOTENCY_KEY_REUSED: 422,
  RATE_LIMITED: 429,
  INTERNAL: 500,
  UNAVAILABLE: 503,
} as const

export type ProblemCode = keyof typeof problemStatus

/** One thing that is wrong with a request; `path` is the member, field, parameter or header. */
export interface Fault {
  path: string
  message: string
}

/** A problem of this API: the code decides the status. */
export function problem(
  code: ProblemCode,
  publicMessage: string,
  options: { cause?: unknown; extensions?: Record<string, unknown>; headers?: Record<string, string> } = {},
): Problem {
  return new Problem(code, problemStatus[code], publicMessage, options)
}

export function validationFailed(errors: readonly Fault[], cause?: unknown): Problem {
  const detail = errors.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; ')
  return problem('VALIDATION_FAILED', detail, { extensions: { errors }, cause })
}

export function imageNotFound(): Problem {
  return problem('IMAGE_NOT_FOUND', 'There is no image with this id.')
}

export function notAuthorized(): Problem {
  return problem('NOT_AUTHORIZED', 'This belongs to another user.')
}

export function versionMismatch(currentVersion: number): Problem {
  return problem('VERSION_MISMATCH', `The image has changed: its version is ${currentVersion}.`, {
    extensions: { currentVersion },
  })
}

/** 413 for a file; `advice` says where larger ones may go. */
export function imageTooLarge(bytesMax: number, advice: string, cause?: unknown): Problem {
  return problem('IMAGE_TOO_LARGE', `The file exceeds ${megabytes(bytesMax)} MB. ${advice}`.trim(), { cause })
}

export function unprocessable(publicMessage: string, cause?: unknown): Problem {
  return problem('IMAGE_UNPROCESSABLE', publicMessage, { cause })
}

function megabytes(bytes: number): string {
  return (bytes / 1024 ** 2).toLocaleString('en', { maximumFractionDigits: 2 })
}
