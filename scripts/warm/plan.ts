import type { ImageView } from '../../api/image-view.ts'
import { aliasRev, formatImageUrl } from '../../core/image-url.ts'
import { defaultBand, type Format, formats } from '../../core/ladder.ts'
import { rungsFor } from './rungs.ts'

/** One request to the CDN. */
export interface WarmRequest {
  url: string
  format: Format
}

/**
 * All requests that fill the CDN with these images: each rung in each format, under the URLs that pages use. Naming
 * the format with `f` fills the same key as a browser's Accept header does.
 *
 * Images without a public URL are left out.
 */
export function planWarmUp(
  images: readonly Pick<ImageView, 'id' | 'imageUrl' | 'width'>[],
  wanted: { rungs: readonly number[]; formats: readonly Format[] },
): WarmRequest[] {
  return images.flatMap(({ id, imageUrl, width: imageWidth }) => {
    if (imageUrl === null) return []
    const { origin, searchParams } = new URL(imageUrl)
    const rev = searchParams.get('r') ?? aliasRev
    return rungsFor(imageWidth, wanted.rungs).flatMap((width) =>
      wanted.formats.map((format) => {
        const size = { kind: 'rung', width, ratio: '', fit: 'inside' } as const
        return { url: origin + formatImageUrl({ id, rev, size, band: defaultBand, format }), format }
      }),
    )
  })
}

/**
 * Reads formats such as `avif,webp`.
 *
 * @throws an error that lists the formats if one is not known
 */
export function parseFormats(text: string): Format[] {
  return text.split(',').map((item) => {
    const format = formats.find((known) => known === item)
    if (format !== undefined) return format
    throw new RangeError(`${item} is not a format; there are ${formats.join(', ')}`)
  })
}
