import type { Sharp as Pipeline } from 'sharp'
import type { Size } from '../core/image-url.ts'
import { type Band, bandOf, type Format, presets } from '../core/ladder.ts'

/** Encoder quality by format, for the bands low, medium and high: about the same look in each column. */
const qualities: Record<Exclude<Format, 'png'>, readonly [number, number, number]> = {
  avif: [45, 58, 70],
  webp: [60, 76, 86],
  jpeg: [60, 76, 86],
}

export const contentTypes: Record<Format, string> = {
  avif: 'image/avif',
  webp: 'image/webp',
  jpeg: 'image/jpeg',
  png: 'image/png',
}

/**
 * Adds the encoder to a pipeline.
 *
 * The efforts are chosen for the first request, while a viewer waits: AVIF at effort 0 costs less CPU than WebP
 * at libwebp's default and gives a smaller file at the same look.
 */
export function encode(pipeline: Pipeline, format: Format, band: Band, size: Size): Pipeline {
  switch (format) {
    case 'avif':
      return pipeline.avif({ quality: qualityOf('avif', band, size), effort: 0, chromaSubsampling: '4:2:0' })
    case 'webp':
      return pipeline.webp({ quality: qualityOf('webp', band, size), effort: 2 })
    case 'jpeg':
      return pipeline.jpeg({ quality: qualityOf('jpeg', band, size), progressive: true })
    case 'png':
      return pipeline.png({ compressionLevel: 9 })
  }
}

function qualityOf(format: Exclude<Format, 'png'>, band: Band, size: Size): number {
  if (size.kind === 'rung') return qualities[format][band - 1]!
  // A preset's quality is WebP's own scale, which JPEG shares; AVIF takes the band it falls into.
  const { quality } = presets[size.name]!
  return format === 'avif' ? qualities.avif[bandOf(quality) - 1]! : quality
}
