import type sharp from 'sharp'
import type { ImageRecord } from '../core/image.ts'
import type { Dimensions } from './geometry.ts'
import type { Limits } from './limits.ts'

/*
 * A master is a smaller copy of a large original, good enough that variants made from it look like variants made from
 * the original, and several times cheaper to start from. docs/adr/0003-masters.md has the measurements.
 */

/** Longer side of a master in pixels. */
const masterSide = 2560

/** An original less than 1.4 times as long decodes nearly as fast as its master would. */
const originalSideMin = masterSide * 1.4

/** JPEG, because it decodes fastest and at reduced scale; without chroma subsampling, which would be applied twice. */
const encoding = { quality: 92, chromaSubsampling: '4:4:4' } as const

/** The key of an image's master in the variants bucket. */
export function masterKey({ id, rev }: ImageRecord): string {
  return `m/${id}/${rev}.jpg`
}

/**
 * The size of the master that an image has or should have; null where none helps: a small original, or one of which
 * the record does not say which revision or how large it is.
 */
export function masterSizeOf({ rev, width, height }: ImageRecord): Dimensions | null {
  if (rev === null || width === null || height === null) return null
  return Math.max(width, height) < originalSideMin ? null : masterSize({ width, height })
}

/** The size of the master of an original of this size. */
export function masterSize({ width, height }: Dimensions): Dimensions {
  const scale = masterSide / Math.max(width, height)
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) }
}

/** Whether a picture of this size can be scaled down from the master. */
export function isLargerThan(master: Dimensions, scaled: Dimensions): boolean {
  return master.width >= scaled.width && master.height >= scaled.height
}

/** The bytes of a master; null for an original that a JPEG can't stand for: transparent or animated. */
export async function makeMaster(
  sharpInstance: typeof sharp,
  original: Uint8Array,
  { width, height }: Dimensions,
  { inputPixelsMax }: Limits,
): Promise<Uint8Array | null> {
  const image = sharpInstance(original, {
    limitInputPixels: inputPixelsMax,
    failOn: 'truncated',
    sequentialRead: true,
  })
  const { hasAlpha, pages } = await image.metadata()
  if (hasAlpha || (pages ?? 1) > 1) return null
  return image.autoOrient().resize({ width, height, fit: 'fill' }).jpeg(encoding).toBuffer()
}
