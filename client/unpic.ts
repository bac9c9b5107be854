import { aliasRev, formatImageUrl, type Size } from '../core/image-url.ts'
import {
  type Band,
  bandNames,
  bandOf,
  defaultBand,
  defaultWidth,
  type Fit,
  type Format,
  formats,
  nearestRatio,
  presets,
  ratioValue,
} from '../core/ladder.ts'
import { withoutSlash } from './base-url.ts'
import type { AspectRatio, PresetName } from './image-ref.ts'
import { readUrl, resized } from './read-url.ts'

/*
 * A provider as unpic has them: https://github.com/ascorbic/unpic, src/types.ts of version 4.2.2, URLExtractor,
 * URLGenerator and TransformerFunction.
 */

/** What unpic asks of every provider (`Operations`), and what this one knows besides. */
export interface TintypeOperations {
  width?: number | string
  /** With `width`: the same as their ratio. */
  height?: number | string
  /** `auto`, or one that is not known, leaves the choice to the browser's Accept header. */
  format?: Format | 'jpg' | (string & {})
  /** `low`, `medium`, `high`, or 1 to 100. */
  quality?: number | string
  aspectRatio?: AspectRatio
  fit?: Fit
  preset?: PresetName
}

export interface TintypeOptions {
  /** Where images are served, for a `src` that does not say it: an id, or `/i/<id>`. */
  baseUrl?: string
}

export interface TintypeExtract {
  /** The URL without its operations. */
  src: string
  operations: TintypeOperations
  options: TintypeOptions
}

/** Takes an image URL apart; null if it is none of this service. */
export function extract(url: string | URL, options: TintypeOptions = {}): TintypeExtract | null {
  const read = readUrl(String(url))
  if (read === null) return null
  const { id, rev, size, band, format } = read.request
  const operations: TintypeOperations = {}
  if (size.kind === 'preset') operations.preset = size.name as PresetName
  else if (read.hasWidth) operations.width = size.width
  if (size.kind === 'rung' && size.ratio !== '') {
    operations.aspectRatio = size.ratio as AspectRatio
    operations.fit = size.fit
  }
  if (band !== defaultBand) operations.quality = bandNames[band - 1]!
  if (format !== '') operations.format = format
  const baseUrl = read.baseUrl === '' ? options.baseUrl : read.baseUrl
  return {
    src: `${read.baseUrl}/i/${id}${rev === aliasRev ? '' : `?r=${rev}`}`,
    operations,
    options: baseUrl === undefined ? {} : { baseUrl },
  }
}

/** Writes the URL of an image with these operations alone. A `src` that is no image of this service stays as it is. */
export function generate(
  src: string | URL,
  operations: TintypeOperations,
  options: TintypeOptions = {},
): string {
  const read = readUrl(String(src))
  if (read === null) return String(src)
  const baseUrl = read.baseUrl === '' ? withoutSlash(options.baseUrl ?? '') : read.baseUrl
  const { id, rev } = read.request
  const { quality, format } = operations
  return (
    baseUrl +
    formatImageUrl({ id, rev, size: sizeOf(operations), band: bandFor(quality), format: formatOf(format) })
  )
}

/** Changes an image URL: these operations, over those that it has. For the `transformer` of unpic's components. */
export function transform(
  src: string | URL,
  operations: TintypeOperations,
  options: TintypeOptions = {},
): string {
  const read = extract(src, options)
  if (read === null) return generate(src, operations, options)
  const given: TintypeOperations = Object.fromEntries(
    Object.entries(operations).filter(([, value]) => value !== undefined),
  )
  const kept = { ...read.operations }
  // A shape that is given now takes the place of the one in the URL.
  if (given.preset !== undefined) delete kept.width
  if (given.preset !== undefined || given.height !== undefined) delete kept.aspectRatio
  return generate(read.src, { ...kept, ...given }, { ...read.options, ...options })
}

function sizeOf({ width, height, aspectRatio, fit = 'cover', preset }: TintypeOperations): Size {
  const base: Size =
    preset !== undefined && Object.hasOwn(presets, preset)
      ? { kind: 'preset', name: preset }
      : { kind: 'rung', width: defaultWidth, ratio: '', fit: 'inside' }
  const ratio = ratioOf(aspectRatio, Number(width) / Number(height))
  if (width === undefined && ratio === undefined) return base
  const size = resized(base, Math.round(Number(width ?? defaultWidth)))
  return ratio === undefined ? size : { ...size, ratio, fit }
}

/** The nearest known ratio; undefined where neither `aspectRatio` nor the sides tell one. */
function ratioOf(aspectRatio: AspectRatio | undefined, ofSides: number): string | undefined {
  const value = typeof aspectRatio === 'string' ? ratioValue(aspectRatio) : (aspectRatio ?? ofSides)
  return value > 0 && value < Infinity ? nearestRatio(value) : undefined
}

function bandFor(quality: number | string | undefined): Band {
  const named = bandNames.indexOf(String(quality))
  if (named >= 0) return (named + 1) as Band
  const value = Number(quality)
  return value > 0 ? bandOf(value) : defaultBand
}

function formatOf(format: string | undefined): Format | '' {
  const name = format === 'jpg' ? 'jpeg' : format
  return formats.find((each) => each === name) ?? ''
}
