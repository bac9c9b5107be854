import type { Sharp as Pipeline } from 'sharp'
import type { Size, Variant } from '../core/image-url.ts'
import { type Band, bandOf, defaultBand, type Format, presets } from '../core/ladder.ts'

/** Formats whose quality can be chosen. */
export type LossyFormat = Exclude<Format, 'png'>

/**
 * Encoder quality by format, for the bands low, medium and high. Each column has the same look: a median SSIMULACRA2 of
 * about 62, 75 and 81 at 640 px (docs/adr/0006-encoder-settings.md).
 */
const qualities: Record<LossyFormat, readonly [number, number, number]> = {
  avif: [45, 58, 68],
  webp: [50, 78, 87],
  jpeg: [50, 75, 87],
}

export const contentTypes: Record<Format, string> = {
  avif: 'image/avif',
  webp: 'image/webp',
  jpeg: 'image/jpeg',
  png: 'image/png',
}

/** The quality of the medium band, which serves all images until more is known of one. */
export function usualQuality(format: LossyFormat): number {
  return qualities[format][defaultBand - 1]!
}

/** Raised when the settings of an encoder change, so that qualities found with the old ones are found again. */
export const settingsVersion = 2

/** The quality found for one image in the medium band, by format. */
export type TunedQualities = Partial<Record<LossyFormat, number>>

/** What the name of a variant leaves open. */
export interface Encoding {
  /** `quick` while a viewer waits, `thorough` in the background. */
  effort: 'quick' | 'thorough'
  /** Null until it is known: then the same qualities serve all images. */
  tuned: TunedQualities | null
}

export const firstEncoding: Encoding = { effort: 'quick', tuned: null }

/**
 * AVIF at effort 0 costs less CPU than WebP at libwebp's default and gives a smaller file at the same look. Effort 3
 * costs several times as much and saves a further tenth or more: worth it for what is asked for often. What one quality
 * looks like differs by 2 points between them, so that both take the same.
 */
const avifEfforts = { quick: 0, thorough: 3 }

/** Wider variants have 8 bits a channel, so that none takes more memory than a function has. */
const tenBitWidthMax = 2448

/** Adds the encoder to a pipeline. */
export function encode(
  pipeline: Pipeline,
  variant: Pick<Variant, 'format' | 'band' | 'size'>,
  { effort, tuned }: Encoding,
): Pipeline {
  switch (variant.format) {
    case 'avif':
      return pipeline.avif({
        quality: qualityOf('avif', variant, tuned),
        effort: avifEfforts[effort],
        chromaSubsampling: '4:2:0',
        bitdepth: avifBits(variant.size),
      })
    case 'webp':
      return pipeline.webp({ quality: qualityOf('webp', variant, tuned), effort: 4 })
    case 'jpeg':
      // Progressive, and quantised by trellis: a tenth smaller, and still cheaper than WebP.
      return pipeline.jpeg({ quality: qualityOf('jpeg', variant, tuned), mozjpeg: true })
    case 'png':
      return pipeline.png({ compressionLevel: 9 })
  }
}

/**
 * 10 bits a channel give the same look in 5 % fewer bytes than 8, most of it in smooth parts, and are part of AVIF's
 * baseline profile. The encoder takes more memory for them: 90 MB more at 3816 x 2544 px.
 */
function avifBits(size: Size): 8 | 10 {
  return size.kind === 'rung' && size.width > tenBitWidthMax ? 8 : 10
}

function qualityOf(
  format: LossyFormat,
  { band, size }: Pick<Variant, 'band' | 'size'>,
  tuned: TunedQualities | null,
): number {
  const fixed = qualities[format]
  if (size.kind === 'rung') return tunedQuality(fixed, band, tuned?.[format])
  // A preset promises its quality, on WebP's own scale, which JPEG shares; AVIF takes the band it falls into.
  const { quality } = presets[size.name]!
  return format === 'avif' ? fixed[bandOf(quality) - 1]! : quality
}

/** An image that needs more or less in the medium band needs as much more or less in the others. */
function tunedQuality(fixed: readonly number[], band: Band, medium: number | undefined): number {
  const change = medium === undefined ? 0 : medium - fixed[defaultBand - 1]!
  return Math.min(95, Math.max(10, fixed[band - 1]! + change))
}
