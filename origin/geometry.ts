import type { FocalPoint, ImageRecord } from '../core/image.ts'
import type { Size } from '../core/image-url.ts'
import { type Fit, presets, ratioValue } from '../core/ladder.ts'

export interface Dimensions {
  width: number
  height: number
}

/** How to get from the upright source to the output: scale to exactly `scaled`, then cut `crop` out of it. */
export interface Geometry {
  scaled: Dimensions
  /** Null where the scaled picture is the output. */
  crop: (Dimensions & { left: number; top: number }) | null
}

const centre: FocalPoint = { x: 0.5, y: 0.5 }

/** What a crop of an image keeps in view: what its owner says, else what draws the eye; null for its middle. */
export function focusOf({ focalPoint, attention }: ImageRecord): FocalPoint | null {
  return focalPoint ?? attention
}

/**
 * The geometry of a variant. Both sides are computed here, from the upright original, so that a variant has the
 * same size whatever it is rendered from. Never enlarges: a box larger than the source shrinks to it, keeping
 * its own shape.
 *
 * @param source upright size of one frame in pixels
 */
export function geometryOf(source: Dimensions, size: Size, focus: FocalPoint | null): Geometry {
  const { box, fit } = boxOf(source, size)
  return fit === 'cover' ? cover(source, box, focus ?? centre) : inside(source, box)
}

function boxOf(source: Dimensions, size: Size): { box: Dimensions; fit: Fit } {
  if (size.kind === 'preset') {
    const preset = presets[size.name]!
    return { box: { width: preset.width, height: preset.height }, fit: preset.fit }
  }
  const { width, ratio, fit } = size
  const height = ratio === '' ? (width * source.height) / source.width : width / ratioValue(ratio)
  return { box: { width, height }, fit }
}

function inside(source: Dimensions, box: Dimensions): Geometry {
  const scale = Math.min(1, box.width / source.width, box.height / source.height)
  return { scaled: scaledBy(source, scale), crop: null }
}

function cover(source: Dimensions, box: Dimensions, focus: FocalPoint): Geometry {
  const shrink = Math.min(1, source.width / box.width, source.height / box.height)
  const output = scaledBy(box, shrink)
  const scale = Math.max(output.width / source.width, output.height / source.height)
  const grown = scaledBy(source, scale)
  const scaled = { width: Math.max(grown.width, output.width), height: Math.max(grown.height, output.height) }
  if (scaled.width === output.width && scaled.height === output.height) return { scaled, crop: null }
  const left = offset(scaled.width, output.width, focus.x)
  const top = offset(scaled.height, output.height, focus.y)
  return { scaled, crop: { ...output, left, top } }
}

/** Where a window of `length` starts so that it is centred on the focus as far as the edges allow. */
function offset(total: number, length: number, focus: number): number {
  return Math.min(Math.max(Math.round(total * focus - length / 2), 0), total - length)
}

function scaledBy({ width, height }: Dimensions, scale: number): Dimensions {
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) }
}
