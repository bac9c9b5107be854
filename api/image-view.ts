import { z } from 'zod'
import { ImageRecord } from '../core/image.ts'
import { aliasRev, formatImageUrl, type ImageRequest, type Size } from '../core/image-url.ts'
import { defaultBand, rungs } from '../core/ladder.ts'
import { formatLetters, formatSignedUrl } from '../core/signature.ts'
import { type SigningKey, signPermit } from './sign.ts'

const { expiresAt: _, ...shown } = ImageRecord.shape

/** An image as the API shows it: the record, and what is derived from it. */
export const ImageView = z
  .object({
    ...shown,
    /** Width over height. */
    aspectRatio: z.number().nullable(),
    imageUrl: z.string().nullable(),
    thumbnailUrl: z.string().nullable(),
    srcset: z.string().nullable(),
    sizes: z.string().nullable(),
  })
  .meta({
    description:
      'An image. URLs are null while it is pending; those of a private image are signed and expire.',
  })
export type ImageView = z.infer<typeof ImageView>

/** Narrower rungs serve icons; a srcset with all of them is longer than it helps. */
const srcsetWidthMin = 264

/** What the URLs of an image are made with. */
export interface UrlMeans {
  /** Base of the image URLs, without a slash at its end. */
  cdnUrl: string
  signingKey: SigningKey
  /** Milliseconds since the epoch. */
  now: () => number
}

/** What the API answers for a record. */
export function imageView(record: ImageRecord, means: UrlMeans): ImageView {
  // What a reader looks for comes first.
  const { expiresAt: _expiry, id, userId, title, ...rest } = record
  return { id, userId, title, ...urlsOf(record, means), ...rest, aspectRatio: aspectRatioOf(record) }
}

function urlsOf(
  record: ImageRecord,
  means: UrlMeans,
): Pick<ImageView, 'imageUrl' | 'thumbnailUrl' | 'srcset' | 'sizes'> {
  if (record.processingStatus === 'pending') {
    return { imageUrl: null, thumbnailUrl: null, srcset: null, sizes: null }
  }
  const url = urlWriter(record, means)
  const candidate = (width: number): string =>
    `${url({ kind: 'rung', width, ratio: '', fit: 'inside' })} ${width}w`

  const widths = srcsetWidths(record.width)
  return {
    imageUrl: url({ kind: 'preset', name: 'full' }),
    thumbnailUrl: url({ kind: 'preset', name: 'thumb' }),
    srcset: widths.length === 0 ? null : widths.map(candidate).join(', '),
    sizes: widths.length === 0 ? null : '100vw',
  }
}

/** Writes URLs of one image; of a private one with a signature for everything, good for an hour or a little more. */
function urlWriter(
  { id, rev, visibility }: ImageRecord,
  { cdnUrl, signingKey, now }: UrlMeans,
): (size: Size) => string {
  const request = (size: Size): ImageRequest => ({
    id,
    rev: rev ?? aliasRev,
    size,
    band: defaultBand,
    format: '',
  })
  if (visibility === 'public') return (size) => cdnUrl + formatImageUrl(request(size))

  const signed = signPermit(
    { id, expiresAt: viewExpiry(now()), widthMax: rungs[rungs.length - 1]!, formats: formatLetters },
    signingKey,
  )
  return (size) => cdnUrl + formatSignedUrl(request(size), signed)
}

/** The end of the quarter of an hour in which an hour is over: URLs that change less often are cached better. */
function viewExpiry(now: number): number {
  return Math.ceil((now / 1000 + 3600) / 900) * 900
}

/**
 * The rungs below the original's width, and that width itself: a URL for it snaps up to the next rung, and as nothing
 * is enlarged exactly this width comes out. Above the last rung nothing does.
 */
function srcsetWidths(originalWidth: number | null): number[] {
  if (originalWidth === null) return []
  const below = rungs.filter((rung) => rung >= srcsetWidthMin && rung < originalWidth)
  return originalWidth <= rungs[rungs.length - 1]! ? [...below, originalWidth] : below
}

/** To four digits: enough to reserve the space on a page to the pixel. */
function aspectRatioOf({ width, height }: ImageRecord): number | null {
  return width === null || height === null ? null : Math.round((width / height) * 10_000) / 10_000
}
