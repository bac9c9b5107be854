import type { Sharp as Pipeline } from 'sharp'
import { mirrored } from '../origin/quality/mirrored.ts'
import type { Picture } from '../origin/quality/picture.ts'
import { createScorer } from '../origin/quality/ssimulacra2.ts'

/** Pictures whose shorter side is less than this have too few scales for a score that means something. */
const scoredSideMin = 113

/** The pixels that a pipeline gives. */
export async function pictureOf(pipeline: Pipeline): Promise<Picture> {
  const { data, info } = await pipeline
    .removeAlpha()
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true })
  return { width: info.width, height: info.height, pixels: data }
}

/** Gives the SSIMULACRA2 of pictures beside the one that they stand for; also of small ones. */
export function scorerFor(original: Picture): (distorted: Picture) => number {
  const score = createScorer(mirrored(original, scoredSideMin))
  return (distorted) => score(mirrored(distorted, scoredSideMin))
}
