import { createHash } from 'node:crypto'
import type sharp from 'sharp'
import type { OutputInfo, Sharp as Pipeline } from 'sharp'
import type { FocalPoint } from '../core/image.ts'
import type { Size, Variant } from '../core/image-url.ts'
import type { Format } from '../core/ladder.ts'
import { Problem } from '../core/problem.ts'
import { contentTypes, encode, type Encoding, firstEncoding } from './encoders.ts'
import { type Dimensions, type Geometry, geometryOf } from './geometry.ts'
import { checkDimensions, type Limits } from './limits.ts'

/** What a variant is made from. */
export type Source =
  | { kind: 'original'; bytes: Uint8Array }
  /** A smaller copy. The geometry still follows from the size of the original, so that both give the same picture. */
  | { kind: 'master'; bytes: Uint8Array; originalSize: Dimensions }
  /** Decoded already, for several variants: see `decodeOnce`. */
  | { kind: 'pixels'; bytes: Uint8Array; raw: OutputInfo; originalSize: Dimensions }

export type PixelSource = Extract<Source, { kind: 'pixels' }>

export interface Rendered {
  bytes: Uint8Array<ArrayBuffer>
  contentType: string
  /** Quoted MD5 of the bytes: what S3 gives the same object, so that the answer has one ETag from either origin. */
  etag: string
  /** Pixels of one frame. */
  width: number
  height: number
}

/** What the steps need to know of a source before any pixel is decoded. */
interface SourceFacts {
  /** Upright size of one frame of the original. */
  size: Dimensions
  animated: boolean
  hasAlpha: boolean
}

/**
 * Renders one variant.
 *
 * @throws Problem SOURCE_UNREADABLE 422 if the bytes are no image that libvips reads here, or end too early
 * @throws Problem SOURCE_TOO_LARGE 422 if it has more pixels than the limits allow
 * @throws Error if it is not the source that is at fault
 */
export async function render(
  sharpInstance: typeof sharp,
  source: Source,
  variant: Variant,
  focus: FocalPoint | null,
  limits: Limits,
  encoding: Encoding = firstEncoding,
): Promise<Rendered> {
  try {
    const facts = await factsOf(sharpInstance, source, limits)
    const format = formatFor(variant.format, facts)
    const geometry = geometryOf(facts.size, variant.size, focus)

    let pipeline = decode(sharpInstance, source, facts, format, limits)
    pipeline = resize(pipeline, geometry, source)
    pipeline = flatten(pipeline, facts, format)
    pipeline = encode(pipeline, { ...variant, format }, encoding)
    return await output(pipeline, format)
  } catch (error) {
    throw await explained(error, sharpInstance, source, limits)
  }
}

const unreadableCode = 'SOURCE_UNREADABLE'

/** Whether a source could not be decoded. */
export function isUnreadable(error: unknown): boolean {
  return error instanceof Problem && error.code === unreadableCode
}

/** libvips does not tell a bad source from a step of ours that failed: whether it can be decoded at all does. */
async function explained(
  error: unknown,
  sharpInstance: typeof sharp,
  source: Source,
  { inputPixelsMax }: Limits,
): Promise<unknown> {
  if (error instanceof Problem || source.kind === 'pixels') return error
  try {
    const options = { limitInputPixels: inputPixelsMax, failOn: 'truncated', sequentialRead: true } as const
    await sharpInstance(source.bytes, options).resize(8, 8, { fit: 'fill' }).raw().toBuffer()
    return error
  } catch {
    return new Problem(unreadableCode, 422, 'The original cannot be decoded', { cause: error })
  }
}

/**
 * Decodes a source to the size of a variant, uncropped, from which this and all smaller ones can be made without
 * decoding it again. Null for an animation, whose frames are more than one picture.
 *
 * @throws Problem as `render` does
 */
export async function decodeOnce(
  sharpInstance: typeof sharp,
  source: Source,
  size: Size,
  limits: Limits,
): Promise<PixelSource | null> {
  try {
    const facts = await factsOf(sharpInstance, source, limits)
    if (facts.animated) return null
    const decoded = decode(sharpInstance, source, facts, 'png', limits)
    const { data, info } = await resize(decoded, geometryOf(facts.size, size, null), source)
      .toColourspace('srgb')
      .raw()
      .toBuffer({ resolveWithObject: true })
    return { kind: 'pixels', bytes: data, raw: info, originalSize: facts.size }
  } catch (error) {
    throw await explained(error, sharpInstance, source, limits)
  }
}

async function factsOf(sharpInstance: typeof sharp, source: Source, limits: Limits): Promise<SourceFacts> {
  if (source.kind === 'master') return { size: source.originalSize, animated: false, hasAlpha: false }
  if (source.kind === 'pixels') {
    return { size: source.originalSize, animated: false, hasAlpha: source.raw.channels === 4 }
  }
  const { autoOrient, hasAlpha, pages } = await sharpInstance(source.bytes, {
    limitInputPixels: false,
  }).metadata()
  checkDimensions(autoOrient, limits)
  return { size: autoOrient, hasAlpha, animated: (pages ?? 1) > 1 }
}

/** An animation stays one where the viewer can show it: everything that reads AVIF reads animated WebP too. */
function formatFor(asked: Format, { animated }: SourceFacts): Format {
  return animated && asked === 'avif' ? 'webp' : asked
}

/** Upright, in sRGB, without metadata: sharp converts by the embedded profile and keeps nothing unless asked. */
function decode(
  sharpInstance: typeof sharp,
  source: Source,
  { animated }: SourceFacts,
  format: Format,
  { inputPixelsMax }: Limits,
): Pipeline {
  if (source.kind === 'pixels') return sharpInstance(source.bytes, { raw: source.raw })
  return sharpInstance(source.bytes, {
    animated: animated && format === 'webp',
    // The frames of an animation count together, and were not counted by checkDimensions.
    limitInputPixels: inputPixelsMax,
    failOn: 'truncated',
    sequentialRead: true,
  }).autoOrient()
}

function resize(pipeline: Pipeline, { scaled, crop }: Geometry, { kind }: Source): Pipeline {
  // A master was scaled down once already: the fast, coarser way of shrinking while loading would show.
  const resized = pipeline.resize({ ...scaled, fit: 'fill', fastShrinkOnLoad: kind === 'original' })
  return crop === null ? resized : resized.extract(crop)
}

/** JPEG knows no transparency: white shows through, as on the page that such images are made for. */
function flatten(pipeline: Pipeline, { hasAlpha }: SourceFacts, format: Format): Pipeline {
  return hasAlpha && format === 'jpeg' ? pipeline.flatten({ background: '#ffffff' }) : pipeline
}

async function output(pipeline: Pipeline, format: Format): Promise<Rendered> {
  const { data, info } = await pipeline.toBuffer({ resolveWithObject: true })
  const bytes = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength)
  const etag = `"${createHash('md5').update(bytes).digest('hex')}"`
  return {
    bytes,
    contentType: contentTypes[format],
    etag,
    width: info.width,
    height: info.pageHeight ?? info.height,
  }
}
