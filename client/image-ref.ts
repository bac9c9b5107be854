import type { Fit, Format } from '../core/ladder.ts'

/**
 * What the helpers need to know of an image: an image of the API has it all, and `{ id }` is enough.
 *
 * Without `rev` the URLs mean "whatever the image is now", and are cached for minutes instead of a year. Without
 * `width` and `height` nothing is known of the original, so that a srcset may promise more pixels than there are.
 */
export interface ImageRef {
  id: string
  /** Revision of the original. */
  rev?: string | null
  /** Pixels of the original. */
  width?: number | null
  height?: number | null
  altText?: string | null
  /** `#rrggbb`. */
  dominantColor?: string | null
  /** ThumbHash, base64. */
  thumbhash?: string | null
}

/** Width over height, as `16:9` or as a number; the nearest ratio that the service knows is taken. */
export type AspectRatio = `${number}:${number}` | number

/** A band, or the number from 1 to 100 that falls into it. */
export type Quality = 'low' | 'medium' | 'high' | number

export type PresetName = 'thumb' | 'full'

/** What a picture looks like, apart from its width. */
export interface Look {
  /** Crops around the focal point. */
  aspectRatio?: AspectRatio
  /** With a ratio: `cover` (default) crops to it, `inside` scales into a box of it and crops nothing. */
  fit?: Fit
  /** `medium` unless given. */
  quality?: Quality
  /** Chosen by the browser's Accept header unless given. */
  format?: Format
}
