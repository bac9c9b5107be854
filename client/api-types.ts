/*
 * What goes over the wire, in types of this package: those of the API come from its schemas, which would bring a
 * validator into every app. The tests hold the two together.
 */

/** An image as the API shows it. URLs are null while it is pending or private. */
export interface Image {
  id: string
  userId: string
  albumId: string | null
  originalFilename: string
  mimeType: string
  /** Bytes. */
  fileSize: number
  /** Pixels, upright; null where a migrated image never knew. */
  width: number | null
  height: number | null
  /** Width over height. */
  aspectRatio: number | null
  sha256: string | null
  /** Names this original in URLs that are cached for a year. */
  rev: string | null
  /** ThumbHash, base64. */
  thumbhash: string | null
  /** `#rrggbb`. */
  dominantColor: string | null
  /** What draws the eye, as fractions from the top left corner; crops keep it in view where no focal point is set. */
  attention: { x: number; y: number } | null
  s3Key: string
  s3Bucket: string
  thumbnailKey: string | null
  imageUrl: string | null
  thumbnailUrl: string | null
  srcset: string | null
  sizes: string | null
  processingStatus: 'pending' | 'completed'
  title: string | null
  description: string | null
  altText: string | null
  tags: string[]
  /** What a crop keeps in view, as fractions from the top left corner. */
  focalPoint: { x: number; y: number } | null
  visibility: 'public' | 'private'
  /** ISO 8601. */
  createdAt: string
  updatedAt: string
  uploadedAt: string
  /** Counts changes from 1. */
  version: number
}

/** What may be said of an image when it is uploaded. */
export interface ImageDetails {
  albumId?: string | null | undefined
  title?: string | null | undefined
  description?: string | null | undefined
  altText?: string | null | undefined
  tags?: string[] | undefined
  visibility?: 'public' | 'private' | undefined
  /** For whom; services only. */
  userId?: string | undefined
}

/** What may be changed later; a member left out stays as it is, null clears it. */
export interface ImageChanges {
  albumId?: string | null | undefined
  title?: string | null | undefined
  description?: string | null | undefined
  altText?: string | null | undefined
  tags?: string[] | undefined
  visibility?: 'public' | 'private' | undefined
  focalPoint?: { x: number; y: number } | null | undefined
}

/** Which images a list shows; newest first unless `sortOrder` is `asc`. */
export interface ListQuery {
  /** Images a page, 1 to 100; 20 unless given. */
  limit?: number | undefined
  cursor?: string | undefined
  albumId?: string | undefined
  tag?: string | undefined
  sortOrder?: 'asc' | 'desc' | undefined
  /** Whose; administrators only. */
  userId?: string | undefined
}

export interface ImagePage {
  images: Image[]
  pagination: { limit: number; hasMore: boolean; nextCursor: string | null }
}

/** What POST /uploads answers; no upload is left to do where a repeated request finds it completed. */
export interface BegunUpload {
  image: Image
  upload: {
    method: 'POST'
    url: string
    /** Come before the file in the form, in this order. */
    fields: Record<string, string>
    bytesMax: number
    expiresAt: string
  } | null
}

/** Codes of the API's problems. */
export type ProblemCode =
  | 'INVALID_FILE_TYPE'
  | 'VALIDATION_FAILED'
  | 'INVALID_CURSOR'
  | 'UNAUTHENTICATED'
  | 'NOT_AUTHORIZED'
  | 'IMAGE_NOT_FOUND'
  | 'NOT_FOUND'
  | 'METHOD_NOT_ALLOWED'
  | 'VERSION_MISMATCH'
  | 'UPLOAD_INCOMPLETE'
  | 'IMAGE_TOO_LARGE'
  | 'UNSUPPORTED_MEDIA_TYPE'
  | 'IMAGE_UNPROCESSABLE'
  | 'IDEMPOTENCY_KEY_REUSED'
  | 'RATE_LIMITED'
  | 'INTERNAL'
  | 'UNAVAILABLE'

/** One thing that is wrong with a request; `path` is the member, field, parameter or header. */
export interface ProblemFault {
  path: string
  message: string
}
