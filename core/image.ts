// The image origin reads records while a viewer waits, and zod/mini loads in a third of the time: docs/cold-start.md.
import * as z from 'zod/mini'

/** Bounds of the texts that a user may attach to an image, in UTF-16 code units. */
const titleLengthMax = 255
const descriptionLengthMax = 5_000
const tagLengthMax = 50
const tagsMax = 20

const title = z.string().check(z.maxLength(titleLengthMax))
const albumId = z.string().check(z.minLength(1), z.maxLength(128))
const tag = z.string().check(z.minLength(1), z.maxLength(tagLengthMax))
const tags = z.array(tag).check(z.maxLength(tagsMax))

const fraction = z.number().check(z.gte(0), z.lte(1))

/** The point that a crop keeps in view, as fractions of width and height from the top left corner. */
export const FocalPoint = z.object({ x: fraction, y: fraction })
export type FocalPoint = z.infer<typeof FocalPoint>

export const Visibility = z.enum(['public', 'private'])
export type Visibility = z.infer<typeof Visibility>

/** `pending` while a direct upload has not been completed; only `completed` images are listed and delivered. */
export const ProcessingStatus = z.enum(['pending', 'completed'])
export type ProcessingStatus = z.infer<typeof ProcessingStatus>

/** What a user may say about an image when uploading it. */
export const ImageDetails = z.object({
  albumId: z.nullable(albumId),
  title: z.nullable(title),
  description: z.nullable(z.string().check(z.maxLength(descriptionLengthMax))),
  altText: z.nullable(title),
  tags,
  visibility: Visibility,
})
export type ImageDetails = z.infer<typeof ImageDetails>

/** What a user may change later; a member left out stays as it is, null clears it. */
export const ImagePatch = z.partial(z.extend(ImageDetails, { focalPoint: z.nullable(FocalPoint) }))
export type ImagePatch = z.infer<typeof ImagePatch>

/** What is known of an original once its bytes were looked at. */
export const OriginalFacts = z.object({
  mimeType: z.string(),
  /** Bytes. */
  fileSize: z.int().check(z.nonnegative()),
  /** Pixels, upright: after EXIF orientation. Null where a migrated row never knew. */
  width: z.nullable(z.int().check(z.positive())),
  height: z.nullable(z.int().check(z.positive())),
  /** Hex. Null for a migrated row whose original was not read yet. */
  sha256: z.nullable(z.string()),
  /** What a URL names by `r=`: see docs/adr/0004-a-revision-covers-the-focal-point.md. */
  rev: z.nullable(z.string()),
  /** ThumbHash, base64. */
  thumbhash: z.nullable(z.string()),
  /** `#rrggbb`. */
  dominantColor: z.nullable(z.string()),
  /** What draws the eye; crops keep it in view until the owner sets a focal point. Null where nobody looked. */
  attention: z.nullable(FocalPoint),
  s3Key: z.string(),
})
export type OriginalFacts = z.infer<typeof OriginalFacts>

/**
 * The metadata of one image as it is stored. URLs are not part of it: they are derived on read, so that a new
 * domain or ladder needs no rewrite. Times are ISO 8601 texts, kept to the digit (a migrated row has microseconds).
 *
 * The bounds of `ImageDetails` are not asked for here: a migrated row was written under other ones, and must be read.
 */
export const ImageRecord = z.extend(OriginalFacts, {
  albumId: z.nullable(z.string()),
  title: z.nullable(z.string()),
  description: z.nullable(z.string()),
  altText: z.nullable(z.string()),
  tags: z.array(z.string()),
  visibility: Visibility,
  id: z.string(),
  userId: z.string(),
  originalFilename: z.string(),
  s3Bucket: z.string(),
  /** Only migrated rows have one: their ready-made thumbnail in the legacy bucket. */
  thumbnailKey: z.nullable(z.string()),
  focalPoint: z.nullable(FocalPoint),
  processingStatus: ProcessingStatus,
  createdAt: z.string(),
  updatedAt: z.string(),
  uploadedAt: z.string(),
  /** Counts changes from 1; a change names the version it was made from. */
  version: z.int().check(z.positive()),
  /** Unix seconds after which a pending record is gone; null for all others. */
  expiresAt: z.nullable(z.int()),
})
export type ImageRecord = z.infer<typeof ImageRecord>
