import {
  getMultipartBoundary,
  MaxFileSizeExceededError,
  MaxPartsExceededError,
  MaxTotalSizeExceededError,
  MultipartParseError,
  type MultipartPart,
  parseMultipartStream,
} from '@remix-run/multipart-parser'
import { Problem } from '../core/problem.ts'
import { imageTooLarge, problem, validationFailed } from './problems.ts'
import { endedEarly } from './read-bytes.ts'

/** A form with one file. */
export interface UploadForm {
  file: { bytes: Uint8Array; filename: string }
  /** Texts by field name, in the order in which they came. */
  fields: Map<string, string[]>
}

/** Seven single fields, twenty tags, the file. */
const partsMax = 32
/** What the fields may add to the file, in bytes. */
const fieldsBytesMax = 100_000

/**
 * Reads a form with a file in the field `file`, and stops reading where the file exceeds `bytesMax`.
 *
 * @param advice what to do with a larger file, for the refusal
 * @throws {Problem} UNSUPPORTED_MEDIA_TYPE, IMAGE_TOO_LARGE, or VALIDATION_FAILED for a form that is malformed
 */
export async function readUploadForm(request: Request, bytesMax: number, advice = ''): Promise<UploadForm> {
  const contentType = request.headers.get('content-type') ?? ''
  if (!/^multipart\/form-data\s*(;|$)/i.test(contentType)) {
    throw problem('UNSUPPORTED_MEDIA_TYPE', 'The body must be multipart/form-data.')
  }
  const boundary = getMultipartBoundary(contentType)
  if (boundary === null) throw malformed('has no boundary')
  if (request.body === null) throw malformed('is empty')
  if (Number(request.headers.get('content-length') ?? 0) > bytesMax + fieldsBytesMax) {
    throw imageTooLarge(bytesMax, advice)
  }

  const form = new FormBuilder()
  const limits = { maxFileSize: bytesMax, maxTotalSize: bytesMax + fieldsBytesMax, maxParts: partsMax }
  try {
    for await (const part of parseMultipartStream(request.body, { boundary, ...limits })) form.add(part)
  } catch (error) {
    throw problemFor(error, bytesMax, advice)
  }
  return form.build()
}

class FormBuilder {
  #file: UploadForm['file'] | null = null
  readonly #fields = new Map<string, string[]>()

  add(part: MultipartPart): void {
    const name = part.name ?? ''
    if (name !== 'file') {
      this.#fields.set(name, [...(this.#fields.get(name) ?? []), part.text])
      return
    }
    if (this.#file !== null) throw validationFailed([{ path: 'file', message: 'must be given once' }])
    this.#file = { bytes: part.bytes, filename: part.filename ?? '' }
  }

  build(): UploadForm {
    if (this.#file === null) throw validationFailed([{ path: 'file', message: 'is missing' }])
    return { file: this.#file, fields: this.#fields }
  }
}

function problemFor(error: unknown, bytesMax: number, advice: string): unknown {
  if (error instanceof Problem) return error
  if (error instanceof MaxFileSizeExceededError || error instanceof MaxTotalSizeExceededError) {
    return imageTooLarge(bytesMax, advice, error)
  }
  if (error instanceof MaxPartsExceededError) return malformed(`has more than ${partsMax} parts`, error)
  if (error instanceof MultipartParseError) return malformed('is malformed', error)
  if (error instanceof TypeError && 'code' in error && error.code === 'ERR_ENCODING_INVALID_ENCODED_DATA') {
    return malformed('is not UTF-8', error)
  }
  // All that is left is the stream's: the caller is gone.
  return endedEarly(error)
}

function malformed(what: string, cause?: unknown): Error {
  return validationFailed([{ path: '', message: `the form ${what}` }], cause)
}
