import { z } from 'zod'
import { ImageRecord } from '../core/image.ts'
import { aliasRev, formatImageUrl, type Size } from '../core/image-url.ts'
import { defaultBand, rungs } from '../core/ladder.ts'

/** An image as the API shows it: the record, and what is derived from it. */
export const ImageView = ImageRecord.omit({ expiresAt: true })
  .extend({
    /** Width over height. */
    aspectRatio: z.number().nullable(),
    imageUrl: z.string().nullable(),
    thumbnailUrl: z.string().nullable(),
    srcset: z.string().nullable(),
    sizes: z.string().nullable(),
  })
  .meta({ description: 'An image. URLs are null while it is pending or private.' })
export type ImageView = z.infer<typeof ImageView>

/** Narrower rungs serve icons; a srcset with all of them is longer than it helps. */
const srcsetWidthMin = 264

/**
 * What the API answers for a record.
 *
 * @param cdnUrl base of the image URLs, without a slash at its end
 */
export function imageView(record: ImageRecord, cdnUrl: string): ImageView {
  // What a reader looks for comes first.
  const { expiresAt: _, id, userId, title, ...rest } = record
  return { id, userId, title, ...urlsOf(record, cdnUrl), ...rest, aspectRatio: aspectRatioOf(record) }
}

function urlsOf(
  record: ImageRecord,
  cdnUrl: string,
): Pick<ImageView, 'imageUrl' | 'thumbnailUrl' | 'srcset' | 'sizes'> {
  // A public URL of a private image answers 404: none is better.
  if (record.processingStatus === 'pending' || record.visibility === 'private') {
    return { imageUrl: null, thumbnailUrl: null, srcset: null, sizes: null }
  }
  const url = (size: Size): string =>
    cdnUrl +
    formatImageUrl({ id: record.id, rev: record.rev ?? aliasRev, size, band: defaultBand, format: '' })
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
