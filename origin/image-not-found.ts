import { Problem } from '../core/problem.ts'
import { absent } from './caching.ts'

const code = 'IMAGE_NOT_FOUND'

/** The answer for an image that is not there, or not for this viewer: one does not learn which. */
export function imageNotFound(): Problem {
  return new Problem(code, 404, 'There is no such image', { headers: { 'cache-control': absent } })
}

export function isImageNotFound(error: unknown): boolean {
  return error instanceof Problem && error.code === code
}
