import type sharp from 'sharp'
import { aliasRev, type Variant } from '../core/image-url.ts'
import { defaultBand, snapUp } from '../core/ladder.ts'
import { encode, type LossyFormat, type TunedQualities, usualQuality } from './encoders.ts'
import type { Limits } from './limits.ts'
import type { Picture } from './quality/picture.ts'
import type { Score } from './quality/scoring.ts'
import { searchQuality } from './quality/search.ts'
import { render, type Source } from './render.ts'

/*
 * One quality for all images is too much for some and too little for others. The qualities that give an image the look
 * that the medium band promises are found once, at one width, and serve all its widths. docs/adr/0006-encoder-settings.md
 * has what that saves.
 */

/** The SSIMULACRA2 of the medium band: what the usual qualities give the median photograph. */
const targetScore = 75

/** The width at which qualities are looked for. */
const searchWidth = snapUp(640)

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
  score: Score,
): Promise<TunedQualities> {
  const original = await pictureOf(readPixels, source, limits)
  if (original === null || Math.min(original.width, original.height) < searchSideMin) return {}
  const qualities: TunedQualities = {}
  for (const format of lossyFormats) qualities[format] = await qualityFor(readPixels, format, original, score)
  return qualities
}

/** The picture as the encoders get it, on grey where it is transparent; null for an animation. */
async function pictureOf(readPixels: typeof sharp, source: Source, limits: Limits): Promise<Picture | null> {
  const { pages = 1 } = await readPixels(source.bytes).metadata()
  if (pages > 1) return null
  const lossless = await render(readPixels, source, searchVariant('png'), null, limits)
  const pixels = await readPixels(lossless.bytes)
    .flatten({ background: '#808080' })
    .toColourspace('srgb')
    .raw()
    .toBuffer()
  return { width: lossless.width, height: lossless.height, pixels }
}

function qualityFor(
  readPixels: typeof sharp,
  format: LossyFormat,
  original: Picture,
  score: Score,
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
      return score(original, { width, height, pixels: decoded })
    },
  })
}

function searchVariant(format: Variant['format']): Variant {
  const size = { kind: 'rung', width: searchWidth, ratio: '', fit: 'inside' } as const
  return { id: '', rev: aliasRev, size, band: defaultBand, format }
}
