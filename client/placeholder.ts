import type { ImageRef } from './image-ref.ts'

const base64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

/**
 * The colour to show until the picture is there. None for a picture with transparency: the colour would stay behind
 * it for good.
 */
export function placeholderColor({ dominantColor, thumbhash }: ImageRef): string | undefined {
  return hasAlpha(thumbhash ?? '') ? undefined : (dominantColor ?? undefined)
}

/** ThumbHash tells in the highest bit of its third byte, which base64 puts into its third digit. */
function hasAlpha(thumbhash: string): boolean {
  return (base64.indexOf(thumbhash.charAt(2)) & 2) !== 0
}
