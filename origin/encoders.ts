import type { Sharp as Pipeline } from 'sharp'
import type { Variant } from '../core/image-url.ts'
import { type Band, bandOf, defaultBand, type Format, presets } from '../core/ladder.ts'

/** Formats whose quality can be chosen. */
export type LossyFormat = Exclude<Format, 'png'>

/** Encoder quality by format, for the bands low, medium and high: about the same look in each column. */
const qualities: Record<LossyFormat, readonly [number, number, number]> = {
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

/** The quality of the medium band, which serves all images until more is known of one. */
export function usualQuality(format: LossyFormat): number {
  return qualities[format][defaultBand - 1]!
}

/** Raised when the settings of an encoder change, so that qualities found with the old ones are found again. */
export const settingsVersion = 1

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
 * costs several times as much and saves a further tenth or more: worth it for what is asked for often.
 */
const avifEfforts = { quick: 0, thorough: 3 }

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
      })
    case 'webp':
      return pipeline.webp({ quality: qualityOf('webp', variant, tuned), effort: 2 })
    case 'jpeg':
      return pipeline.jpeg({ quality: qualityOf('jpeg', variant, tuned), progressive: true })
    case 'png':
      return pipeline.png({ compressionLevel: 9 })
  }
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
