import { createHash } from 'node:crypto'
import type sharp from 'sharp'
import type { Sharp as Pipeline } from 'sharp'
import type { FocalPoint } from '../core/image.ts'
import type { Variant } from '../core/image-url.ts'
import type { Format } from '../core/ladder.ts'
import { Problem } from '../core/problem.ts'
import { contentTypes, encode } from './encoders.ts'
import { type Dimensions, type Geometry, geometryOf } from './geometry.ts'
import { checkDimensions, type Limits } from './limits.ts'

export interface Rendered {
  bytes: Uint8Array<ArrayBuffer>
  contentType: string
  /** Quoted MD5 of the bytes: what S3 gives the same object, so that the answer has one ETag from either origin. */
  etag: string
  /** Pixels of one frame. */
  width: number
  height: number
}

/** What is read from the header of a source before any pixel is decoded. */
interface SourceFacts extends Dimensions {
  animated: boolean
  hasAlpha: boolean
}

/**
 * Renders one variant from the bytes of a source.
 *
 * @throws Problem SOURCE_UNREADABLE 422 if the bytes are no image that libvips reads here, or end too early
 * @throws Problem SOURCE_TOO_LARGE 422 if it has more pixels than the limits allow
 */
export async function render(
  sharpInstance: typeof sharp,
  source: Uint8Array,
  variant: Variant,
  focalPoint: FocalPoint | null,
  limits: Limits,
): Promise<Rendered> {
  try {
    const facts = await readFacts(sharpInstance, source, limits)
    const format = formatFor(variant.format, facts)
    const geometry = geometryOf(facts, variant.size, focalPoint)

    let pipeline = decode(sharpInstance, source, facts, format, limits)
    pipeline = resize(pipeline, geometry)
    pipeline = flatten(pipeline, facts, format)
    pipeline = encode(pipeline, format, variant.band, variant.size)
    return await output(pipeline, format)
  } catch (error) {
    if (error instanceof Problem) throw error
    throw new Problem('SOURCE_UNREADABLE', 422, 'The original cannot be decoded', { cause: error })
  }
}

async function readFacts(
  sharpInstance: typeof sharp,
  source: Uint8Array,
  limits: Limits,
): Promise<SourceFacts> {
  const { autoOrient, hasAlpha, pages } = await sharpInstance(source, { limitInputPixels: false }).metadata()
  const facts = { ...autoOrient, hasAlpha, animated: (pages ?? 1) > 1 }
  checkDimensions(facts, limits)
  return facts
}

/** An animation stays one where the viewer can show it: everything that reads AVIF reads animated WebP too. */
function formatFor(asked: Format, { animated }: SourceFacts): Format {
  return animated && asked === 'avif' ? 'webp' : asked
}

/** Upright, in sRGB, without metadata: sharp converts by the embedded profile and keeps nothing unless asked. */
function decode(
  sharpInstance: typeof sharp,
  source: Uint8Array,
  { animated }: SourceFacts,
  format: Format,
  { inputPixelsMax }: Limits,
): Pipeline {
  return sharpInstance(source, {
    animated: animated && format === 'webp',
    // The frames of an animation count together, and were not counted by checkDimensions.
    limitInputPixels: inputPixelsMax,
    failOn: 'truncated',
    sequentialRead: true,
  }).autoOrient()
}

function resize(pipeline: Pipeline, { scaled, crop }: Geometry): Pipeline {
  const resized = pipeline.resize({ ...scaled, fit: 'fill' })
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
