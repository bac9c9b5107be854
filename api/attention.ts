import type sharp from 'sharp'
import type { FocalPoint } from '../core/image.ts'
import type { Preview } from './preview.ts'

/**
 * The point of a picture that draws the eye, by libvips: where edges, saturated colours and skin come together. It is
 * found once, not at each crop, so that all sizes of a picture show the same part of it.
 */
export async function attentionOf(
  readPixels: typeof sharp,
  { rgba, width, height }: Preview,
): Promise<FocalPoint> {
  const side = Math.min(width, height)
  // libvips looks for the point only where there is something to cut off.
  const target = { width: side, height: width === height ? side - 1 : side }
  const { info } = await readPixels(rgba, { raw: { width, height, channels: 4 } })
    .resize({ ...target, fit: 'cover', position: readPixels.strategy.attention })
    .toBuffer({ resolveWithObject: true })
  return { x: fraction(info.attentionX, width), y: fraction(info.attentionY, height) }
}

/** Of the middle of a pixel, to three digits: more would only lengthen the record. */
function fraction(pixel: number | undefined, length: number): number {
  return pixel === undefined ? 0.5 : Math.round(((pixel + 0.5) / length) * 1000) / 1000
}
