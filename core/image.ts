import * as z from 'zod'

/** Bounds of the texts that a user may attach to an image, in UTF-16 code units. */
const titleLengthMax = 255
const descriptionLengthMax = 5_000
const tagLengthMax = 50
const tagsMax = 20

const title = z.string().max(titleLengthMax)
const albumId = z.string().min(1).max(128)
const tags = z.array(z.string().min(1).max(tagLengthMax)).max(tagsMax)

/** The point that a crop keeps in view, as fractions of width and height from the top left corner. */
export const FocalPoint = z.object({ x: z.number().min(0).max(1), y: z.number().min(0).max(1) })
export type FocalPoint = z.infer<typeof FocalPoint>

export const Visibility = z.enum(['public', 'private'])
export type Visibility = z.infer<typeof Visibility>

/** `pending` while a direct upload has not been completed; only `completed` images are listed and delivered. */
export const ProcessingStatus = z.enum(['pending', 'completed'])
export type ProcessingStatus = z.infer<typeof ProcessingStatus>

/** What a user may say about an image when uploading it. */
export const ImageDetails = z.object({
  albumId: albumId.nullable(),
  title: title.nullable(),
  description: z.string().max(descriptionLengthMax).nullable(),
  altText: title.nullable(),
  tags,
  visibility: Visibility,
})
export type ImageDetails = z.infer<typeof ImageDetails>

/** What a user may change later; a member left out stays as it is, null clears it. */
export const ImagePatch = ImageDetails.extend({ focalPoint: FocalPoint.nullable() }).partial()
export type ImagePatch = z.infer<typeof ImagePatch>

/** What is known of an original once its bytes were looked at. */
export const OriginalFacts = z.object({
  mimeType: z.string(),
  /** Bytes. */
  fileSize: z.number().int().nonnegative(),
  /** Pixels, upright: after EXIF orientation. Null where a migrated row never knew. */
  width: z.number().int().positive().nullable(),
  height: z.number().int().positive().nullable(),
  /** Hex. Null for a migrated row whose original was not read yet. */
  sha256: z.string().nullable(),
  /** What a URL names by `r=`: see docs/adr/0004-a-revision-covers-the-focal-point.md. */
  rev: z.string().nullable(),
  /** ThumbHash, base64. */
  thumbhash: z.string().nullable(),
  /** `#rrggbb`. */
  dominantColor: z.string().nullable(),
  /** What draws the eye; crops keep it in view until the owner sets a focal point. Null where nobody looked. */
  attention: FocalPoint.nullable(),
  s3Key: z.string(),
})
export type OriginalFacts = z.infer<typeof OriginalFacts>

/**
 * The metadata of one image as it is stored. URLs are not part of it: they are derived on read, so that a new
 * domain or ladder needs no rewrite. Times are ISO 8601 texts, kept to the digit (a migrated row has microseconds).
 *
 * The bounds of `ImageDetails` are not asked for here: a migrated row was written under other ones, and must be read.
 */
export const ImageRecord = OriginalFacts.extend({
  albumId: z.string().nullable(),
  title: z.string().nullable(),
  description: z.string().nullable(),
  altText: z.string().nullable(),
  tags: z.array(z.string()),
  visibility: Visibility,
  id: z.string(),
  userId: z.string(),
  originalFilename: z.string(),
  s3Bucket: z.string(),
  /** Only migrated rows have one: their ready-made thumbnail in the legacy bucket. */
  thumbnailKey: z.string().nullable(),
  focalPoint: FocalPoint.nullable(),
  processingStatus: ProcessingStatus,
  createdAt: z.string(),
  updatedAt: z.string(),
  uploadedAt: z.string(),
  /** Counts changes from 1; a change names the version it was made from. */
  version: z.number().int().positive(),
  /** Unix seconds after which a pending record is gone; null for all others. */
  expiresAt: z.number().int().nullable(),
})
export type ImageRecord = z.infer<typeof ImageRecord>
