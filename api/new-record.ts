import type { FocalPoint, ImageRecord, OriginalFacts } from '../core/image.ts'
import type { Original } from './inspect-original.ts'
import type { Attempt } from './intents.ts'
import { revisionOf } from './revision.ts'

type Known = Pick<
  ImageRecord,
  'id' | 'userId' | 'originalFilename' | 'mimeType' | 'fileSize' | 's3Key' | 's3Bucket'
>

/**
 * A record as it is when its image is new.
 *
 * @param at ISO 8601
 */
export function newRecord(at: string, known: Known & Partial<ImageRecord>): ImageRecord {
  return {
    albumId: null,
    title: null,
    description: null,
    altText: null,
    tags: [],
    visibility: 'public',
    width: null,
    height: null,
    sha256: null,
    rev: null,
    thumbhash: null,
    dominantColor: null,
    attention: null,
    thumbnailKey: null,
    focalPoint: null,
    processingStatus: 'completed',
    createdAt: at,
    updatedAt: at,
    uploadedAt: at,
    version: 1,
    expiresAt: null,
    ...known,
  }
}

/** What a record with this focal point says of an original, and where the attempt that brings it puts it. */
export function factsOf(
  original: Original,
  attempt: Attempt,
  focalPoint: FocalPoint | null = null,
): OriginalFacts {
  const { bytes, extension: _, ...facts } = original
  const rev = revisionOf(original.sha256, focalPoint)
  const s3Key = attempt.keyFor(original)
  return { ...facts, rev, fileSize: bytes.length, s3Key }
}
