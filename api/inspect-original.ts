import { createHash } from 'node:crypto'
import pLimit from 'p-limit'
import type sharp from 'sharp'
import type { Metadata } from 'sharp'
import { rgbaToThumbHash } from 'thumbhash'
import type { FocalPoint } from '../core/image.ts'
import type { Problem } from '../core/problem.ts'
import { attentionOf } from './attention.ts'
import type { ApiDependencies, Limits } from './dependencies.ts'
import { dominantColor } from './dominant-color.ts'
import { isGifWhole } from './gif-blocks.ts'
import { extensions, type ImageType, imageTypeOf, mimeTypes } from './image-type.ts'
import type { Preview } from './preview.ts'
import { problem, unprocessable } from './problems.ts'

/** An original that was looked at and found good. */
export interface Original {
  bytes: Uint8Array
  extension: string
  mimeType: string
  /** Pixels, upright. */
  width: number
  height: number
  /** Hex. */
  sha256: string
  rev: string
  /** Base64. */
  thumbhash: string
  /** `#rrggbb`. */
  dominantColor: string
  attention: FocalPoint
}

/** Interlaced and 16-bit files are unpacked whole: one at a time, or a handful of uploads fills the memory. */
const decoding = pLimit(1)

/** ThumbHash takes at most 100 x 100; the colour needs no more either. */
const previewSide = 100

/**
 * Decides from the bytes alone what a file is, and whether it can be delivered: neither its name nor its claimed
 * type is asked.
 *
 * @throws {Problem} INVALID_FILE_TYPE if it is no image of an accepted kind; IMAGE_UNPROCESSABLE if it is damaged,
 * cut off, or beyond the limits
 */
export async function inspectOriginal(
  bytes: Uint8Array,
  { limits, loadSharp }: Pick<ApiDependencies, 'limits' | 'loadSharp'>,
): Promise<Original> {
  if (bytes.length === 0) throw problem('INVALID_FILE_TYPE', 'The file is empty.')
  const type = imageTypeOf(bytes)
  if (type === null) throw invalidFileType()
  const readPixels = await loadSharp()
  if (type === 'heic' && !decodesHeic(readPixels)) throw invalidFileType()

  const header = await readHeader(readPixels, bytes)
  const { width, height } = header.autoOrient
  checkLimits(width, height, framesOf(type, header), limits)
  if (type === 'gif' && !isGifWhole(bytes)) throw damaged()

  const preview = await decoding(() => decodeSmall(readPixels, bytes, limits))
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  return {
    bytes,
    extension: extensions[type],
    mimeType: mimeTypes[type],
    width,
    height,
    sha256,
    rev: sha256.slice(0, 8),
    thumbhash: Buffer.from(rgbaToThumbHash(preview.width, preview.height, preview.rgba)).toString('base64'),
    dominantColor: dominantColor(preview.rgba),
    attention: await attentionOf(readPixels, preview),
  }
}

/** The header alone: a bomb is recognised before a pixel of it is unpacked. */
async function readHeader(readPixels: typeof sharp, bytes: Uint8Array): Promise<Metadata> {
  try {
    return await readPixels(bytes, { failOn: 'error', limitInputPixels: false }).metadata()
  } catch (cause) {
    throw damaged(cause)
  }
}

function checkLimits(width: number, height: number, frames: number, limits: Limits): void {
  const size = `The image has ${width} x ${height} pixels`
  const { sidePixelsMin, sidePixelsMax, inputPixelsMax } = limits
  if (Math.min(width, height) < sidePixelsMin || Math.max(width, height) > sidePixelsMax) {
    throw unprocessable(`${size}; each side must have ${sidePixelsMin} to ${sidePixelsMax}.`)
  }
  if (width * height * frames > inputPixelsMax) {
    const counted = frames === 1 ? '' : ` in ${frames} frames`
    throw unprocessable(`${size}${counted}; ${inputPixelsMax / 1_000_000} megapixels are the limit.`)
  }
}

/**
 * Decodes to the size of a preview. Shrinking while loading still reads every line of the file, so damage is found
 * on the way. A mere warning refuses nothing: cameras write stray bytes into good photographs.
 */
async function decodeSmall(readPixels: typeof sharp, bytes: Uint8Array, limits: Limits): Promise<Preview> {
  try {
    const { data, info } = await readPixels(bytes, {
      failOn: 'error',
      limitInputPixels: limits.inputPixelsMax,
      sequentialRead: true,
    })
      .autoOrient()
      .resize(previewSide, previewSide, { fit: 'inside' })
      .toColourspace('srgb')
      .ensureAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true })
    return { rgba: data, width: info.width, height: info.height }
  } catch (cause) {
    throw damaged(cause)
  }
}

/** Frames of an animation. In the HEIF container `pages` counts separate pictures, of which one is decoded. */
function framesOf(type: ImageType, header: Metadata): number {
  return type === 'gif' || type === 'webp' ? (header.pages ?? 1) : 1
}

/** HEVC is patented: the prebuilt libvips leaves it out, one built by hand may have it. */
function decodesHeic(readPixels: typeof sharp): boolean {
  const suffixes = readPixels.format.heif.input.fileSuffix ?? []
  return suffixes.includes('.heic')
}

function invalidFileType(): Problem {
  return problem(
    'INVALID_FILE_TYPE',
    'The file is not an image of an accepted kind: JPEG, PNG, WebP, AVIF or GIF.',
  )
}

function damaged(cause?: unknown): Problem {
  return unprocessable('The image is damaged or cut off.', cause)
}
