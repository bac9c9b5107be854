import type sharp from 'sharp'
import { aliasRev, type Size, type Variant } from '../core/image-url.ts'
import { defaultBand, snapUp } from '../core/ladder.ts'
import { encode, type LossyFormat, type TunedQualities, usualQuality } from './encoders.ts'
import type { Limits } from './limits.ts'
import type { Picture } from './quality/picture.ts'
import type { OpenScorer } from './quality/scoring.ts'
import { searchQuality } from './quality/search.ts'
import { decodeOnce, type Source } from './render.ts'

/*
 * One quality for all images is too much for some and too little for others. The qualities that give an image the look
 * that the medium band promises are found once, at one width, and serve all its widths. docs/adr/0006-encoder-settings.md
 * has what that saves.
 */

/** The SSIMULACRA2 of the medium band: what the usual qualities give the median photograph. */
const targetScore = 75

/** The size at which qualities are looked for. */
const searchSize: Size = { kind: 'rung', width: snapUp(640), ratio: '', fit: 'inside' }

/** Pictures smaller than this say too little, and hardly cost a byte. */
const searchSideMin = 120

/** How far an image's quality may lie from the usual one. */
const changeMax = { less: 20, more: 14 }

const lossyFormats = ['avif', 'webp', 'jpeg'] as const satisfies readonly LossyFormat[]

/**
 * Finds the qualities in which an image has the look of the medium band; none for one that is too small, or animated.
 *
 * @throws Problem as `render` does
 */
export async function tune(
  readPixels: typeof sharp,
  source: Source,
  limits: Limits,
  openScorer: OpenScorer,
): Promise<TunedQualities> {
  const original = await pictureOf(readPixels, source, limits)
  if (original === null || Math.min(original.width, original.height) < searchSideMin) return {}
  const scoreOf = openScorer(original)
  const qualities: TunedQualities = {}
  for (const format of lossyFormats)
    qualities[format] = await qualityFor(readPixels, format, original, scoreOf)
  return qualities
}

/** The picture as the encoders get it, on grey where it is transparent; null for an animation. */
async function pictureOf(readPixels: typeof sharp, source: Source, limits: Limits): Promise<Picture | null> {
  const decoded = await decodeOnce(readPixels, source, searchSize, limits)
  if (decoded === null) return null
  const { data, info } = await readPixels(decoded.bytes, { raw: decoded.raw })
    .flatten({ background: '#808080' })
    .raw()
    .toBuffer({ resolveWithObject: true })
  return { width: info.width, height: info.height, pixels: data }
}

function qualityFor(
  readPixels: typeof sharp,
  format: LossyFormat,
  original: Picture,
  scoreOf: (distorted: Picture) => Promise<number>,
): Promise<number> {
  const { width, height, pixels } = original
  const start = usualQuality(format)
  return searchQuality({
    start,
    target: targetScore,
    min: start - changeMax.less,
    max: Math.min(95, start + changeMax.more),
    async probe(quality) {
      const pipeline = readPixels(pixels, { raw: { width, height, channels: 3 } })
      const encoding = { effort: 'thorough', tuned: { [format]: quality } } as const
      const encoded = await encode(pipeline, searchVariant(format), encoding).toBuffer()
      const decoded = await readPixels(encoded).removeAlpha().toColourspace('srgb').raw().toBuffer()
      return scoreOf({ width, height, pixels: decoded })
    },
  })
}

function searchVariant(format: Variant['format']): Variant {
  return { id: '', rev: aliasRev, size: searchSize, band: defaultBand, format }
}
