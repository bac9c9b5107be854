import { normalizeImageId } from '../core/image-url.ts'
import type { ImageRecord } from '../core/image.ts'
import type { Call } from './call.ts'
import type { ApiDependencies } from './dependencies.ts'
import { imageNotFound } from './problems.ts'

/**
 * The record of the image that the path names. Read consistently, so that who has just changed or deleted an image
 * never sees it as it was.
 *
 * @throws {Problem} IMAGE_NOT_FOUND
 */
export async function requireImage(
  { metadata }: Pick<ApiDependencies, 'metadata'>,
  { params }: Pick<Call, 'params'>,
): Promise<ImageRecord> {
  const id = normalizeImageId(params.id ?? '')
  const record = id === undefined ? null : await metadata.get(id, { consistent: true })
  if (record === null) throw imageNotFound()
  return record
}
