import {
  aspectRatios,
  type Band,
  bandNames,
  bandOf,
  defaultBand,
  defaultWidth,
  devicePixels,
  type Fit,
  type Format,
  formats,
  ladderVersion,
  nearestRatio,
  pixelRatioMax,
  presets,
  ratioValue,
  rungs,
  snapUp,
  widthMax,
} from './ladder.ts'

/*
 * The URL grammar. Three spellings of one meaning:
 *
 *   public URL      /i/<id>?r=<rev>&w=600&dpr=1&ar=16:9&q=80&f=webp   what people write
 *   canonical path  /v/<id>/<rev>/1-w640-ar16x9-q2.webp               cache key, and S3 key of the variant
 *                   /v/<id>/p<rev>/…                                  the same for a signed URL, /p/<id>?…
 *   Variant         what both mean
 *
 * This file runs inside the edge function: see docs/edge-function.md for the language it may use.
 */

/** The revision in a URL that names none: "whatever the image is now". */
export const aliasRev = '_'

/**
 * Stands before the revision in the canonical paths of signed requests. They have keys of their own, so that what was
 * made for one of them is never found by a request without a signature.
 */
const signedMark = 'p'

/** The revision in the canonical path of a signed request. */
export function signedRev(rev: string): string {
  return signedMark + rev
}

/** Whether the revision in a canonical path is that of a signed request. */
export function isSignedRev(rev: string): boolean {
  return rev.charAt(0) === signedMark
}

/** A rung of the ladder, optionally with an aspect ratio; or a preset. `ratio` is '' where there is none. */
export type Size = { kind: 'rung'; width: number; ratio: string; fit: Fit } | { kind: 'preset'; name: string }

/** One deliverable file of one image. */
export interface Variant {
  id: string
  /** 8 hex digits, or `aliasRev`; either with the mark of a signed request before it. */
  rev: string
  size: Size
  band: Band
  format: Format
}

/** What a public URL asks for; the format is '' where the Accept header is to choose it. */
export interface ImageRequest {
  id: string
  rev: string
  size: Size
  band: Band
  format: Format | ''
}

/** Why a public URL is refused. */
export interface UrlFault {
  code: string
  detail: string
}

/** One query parameter as it stands in the URL, still percent-encoded. */
export interface QueryParameter {
  name: string
  value: string
}

const publicPath = /^\/i\/([^/]+)$/
// Both cases written out: with the flag i, the edge's engine takes U+212A for a k and U+017F for an s.
const ulid = /^[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}$/
const uuid = /^[\dA-Fa-f]{8}-[\dA-Fa-f]{4}-[\dA-Fa-f]{4}-[\dA-Fa-f]{4}-[\dA-Fa-f]{12}$/

/** The parameters that have a meaning; all others are dropped, so that they can't make a new key. */
const parameterNames = ['r', 'w', 'h', 'dpr', 'ar', 'fit', 'q', 'f', 'preset']

/**
 * Reads a public URL.
 *
 * @param path the path as the viewer sent it, percent-encoded
 * @param query its parameters in any order; names are matched without regard to case
 */
export function parseImageUrl(path: string, query: readonly QueryParameter[]): ImageRequest | UrlFault {
  const match = publicPath.exec(path)
  const id = match === null ? undefined : normalizeImageId(match[1]!)
  if (id === undefined) return fault('INVALID_PATH', 'the path must be /i/<image id>, a ULID or a UUID')

  const given = collect(query)
  if (isFault(given)) return given
  const values = given.values

  const rev = parseRev(values.r)
  if (rev === undefined) return fault('INVALID_REVISION', 'r must be 8 hexadecimal digits')
  const band = parseBand(values.q)
  if (band === undefined) return fault('INVALID_QUALITY', 'q must be low, medium, high or 1 to 100')
  const format = parseFormat(values.f)
  if (format === undefined) return fault('INVALID_FORMAT', 'f must be avif, webp, jpeg or png')
  const size = parseSize(values)
  if (isFault(size)) return size
  // A preset has a quality of its own.
  return { id: id, rev: rev, size: size, band: size.kind === 'preset' ? defaultBand : band, format: format }
}

/** True for the refusal that the parsers of this file return in place of a result. */
export function isFault(result: object): result is UrlFault {
  return 'code' in result
}

/**
 * An image id in its one spelling (ULIDs in capitals, UUIDs in small letters), or undefined if it is neither:
 * two spellings of one id must not make two cache keys.
 */
export function normalizeImageId(text: string): string | undefined {
  if (ulid.test(text)) return text.toUpperCase()
  return uuid.test(text) ? text.toLowerCase() : undefined
}

/** The canonical path of a variant: cache key, and with the leading slash taken off its S3 key. */
export function canonicalPath(variant: Variant): string {
  return '/' + variantKey(variant)
}

/** The S3 key of a variant, `v/<id>/<rev>/<ladder>-w640[-ar16x9]-q2.webp`. */
export function variantKey(variant: Variant): string {
  return variantPrefix(variant.id) + variant.rev + '/' + variantName(variant)
}

/** The prefix under which all variants of an image lie: one prefix lists, deletes and invalidates them. */
export function variantPrefix(id: string): string {
  return 'v/' + id + '/'
}

function variantName(variant: Variant): string {
  const size = variant.size
  if (size.kind === 'preset') return ladderVersion + '-' + size.name + '.' + variant.format
  const ratio = size.ratio === '' ? '' : (size.fit === 'cover' ? '-ar' : '-in') + size.ratio.replace(':', 'x')
  return ladderVersion + '-w' + size.width + ratio + '-q' + variant.band + '.' + variant.format
}

const canonical =
  /^\/v\/([^/]+)\/(p?(?:[0-9a-f]{8}|_))\/([0-9a-z]+)-(?:([a-z]+)|w(\d+)(?:-(ar|in)(\d+x\d+))?-q([123]))\.([a-z]+)$/

/** Reads a canonical path; null if no public URL of the present ladder leads to it. */
export function parseCanonicalPath(path: string): Variant | null {
  const match = canonical.exec(path)
  if (match === null) return null
  const id = normalizeImageId(match[1]!)
  if (id === undefined || id !== match[1] || match[3] !== ladderVersion) return null
  const format = parseFormat(match[9])
  if (format === undefined || format === '') return null

  const preset = match[4]
  if (preset !== undefined) {
    if (!hasOwn(presets, preset)) return null
    const presetSize: Size = { kind: 'preset', name: preset }
    return { id: id, rev: match[2]!, size: presetSize, band: defaultBand, format: format }
  }
  const width = Number(match[5])
  const ratio = match[7] === undefined ? '' : match[7].replace('x', ':')
  if (rungs.indexOf(width) < 0) return null
  if (ratio !== '' && aspectRatios.indexOf(ratio) < 0) return null
  const fit: Fit = match[6] === 'ar' ? 'cover' : 'inside'
  const size: Size = { kind: 'rung', width: width, ratio: ratio, fit: fit }
  return { id: id, rev: match[2]!, size: size, band: Number(match[8]) as Band, format: format }
}

/** The shortest public URL (path and query) that means this request. */
export function formatImageUrl(request: ImageRequest): string {
  const query: string[] = []
  if (request.rev !== aliasRev) query.push('r=' + request.rev)
  const size = request.size
  if (size.kind === 'preset') query.push('preset=' + size.name)
  else {
    query.push('w=' + size.width)
    if (size.ratio !== '') query.push('ar=' + size.ratio)
    if (size.ratio !== '' && size.fit === 'inside') query.push('fit=inside')
    if (request.band !== defaultBand) query.push('q=' + bandNames[request.band - 1])
  }
  if (request.format !== '') query.push('f=' + request.format)
  return '/i/' + request.id + (query.length === 0 ? '' : '?' + query.join('&'))
}

interface Values {
  [name: string]: string | undefined
}

/** The known parameters by lower-case name. A parameter given twice with two values means nothing: refused. */
function collect(query: readonly QueryParameter[]): { values: Values } | UrlFault {
  const values: Values = {}
  for (let i = 0; i < query.length; i++) {
    const name = query[i]!.name.toLowerCase()
    const value = query[i]!.value
    if (parameterNames.indexOf(name) < 0) continue
    if (values[name] !== undefined && values[name] !== value) {
      return fault('DUPLICATE_PARAMETER', name + ' is given twice with different values')
    }
    values[name] = value
  }
  return { values: values }
}

function parseRev(text: string | undefined): string | undefined {
  if (text === undefined) return aliasRev
  return /^[\dA-Fa-f]{8}$/.test(text) ? text.toLowerCase() : undefined
}

function parseBand(text: string | undefined): Band | undefined {
  if (text === undefined) return defaultBand
  const named = bandNames.indexOf(text.toLowerCase())
  if (named >= 0) return (named + 1) as Band
  const quality = parseInteger(text, 100)
  return quality === undefined ? undefined : bandOf(quality)
}

function parseFormat(text: string | undefined): Format | '' | undefined {
  if (text === undefined) return ''
  const name = text.toLowerCase()
  if (name === 'jpg') return 'jpeg'
  return formats.indexOf(name as Format) < 0 ? undefined : (name as Format)
}

function parseSize(values: Values): Size | UrlFault {
  const preset = values.preset
  if (preset !== undefined) {
    if (!hasOwn(presets, preset)) return fault('UNKNOWN_PRESET', 'no preset has this name')
    if (values.w !== undefined || values.h !== undefined || values.ar !== undefined) {
      return fault('PRESET_WITH_SIZE', 'a preset is a size: leave out w, h and ar')
    }
    return { kind: 'preset', name: preset }
  }
  const width = parseInteger(values.w === undefined ? String(defaultWidth) : values.w, widthMax)
  if (width === undefined) return fault('INVALID_WIDTH', 'w must be a whole number from 1 to ' + widthMax)
  const pixelRatio = parsePixelRatio(values.dpr)
  if (pixelRatio === undefined) return fault('INVALID_DPR', 'dpr must be a number from 1 to ' + pixelRatioMax)
  const fit = values.fit === undefined ? undefined : values.fit.toLowerCase()
  if (fit !== undefined && fit !== 'inside' && fit !== 'cover') {
    return fault('INVALID_FIT', 'fit must be inside or cover')
  }
  const ratio = parseRatio(values, width)
  if (typeof ratio !== 'string') return ratio
  // Without a ratio both fits mean the same: they share a key.
  const canonicalFit: Fit = ratio === '' ? 'inside' : (fit ?? 'cover')
  const pixels = devicePixels(width, pixelRatio)
  return { kind: 'rung', width: snapUp(pixels), ratio: ratio, fit: canonicalFit }
}

/** The nearest configured ratio for `ar`, or for `h` with `w`; '' where there is neither. */
function parseRatio(values: Values, width: number): string | UrlFault {
  if (values.ar !== undefined) {
    const ratio = values.ar.replace(/%3[Aa]/, ':')
    if (!/^[1-9]\d{0,3}:[1-9]\d{0,3}$/.test(ratio)) return fault('INVALID_RATIO', 'ar must be like 16:9')
    return nearestRatio(ratioValue(ratio))
  }
  if (values.h === undefined) return ''
  const height = parseInteger(values.h, widthMax)
  if (height === undefined) return fault('INVALID_HEIGHT', 'h must be a whole number from 1 to ' + widthMax)
  if (values.w === undefined) return fault('HEIGHT_WITHOUT_WIDTH', 'h needs w beside it')
  return nearestRatio(width / height)
}

function parsePixelRatio(text: string | undefined): number | undefined {
  if (text === undefined) return 1
  if (!/^\d(\.\d{1,4})?$/.test(text)) return undefined
  const value = Number(text)
  return value >= 1 && value <= pixelRatioMax ? value : undefined
}

function parseInteger(text: string, max: number): number | undefined {
  if (!/^[1-9]\d{0,3}$/.test(text)) return undefined
  const value = Number(text)
  return value <= max ? value : undefined
}

function hasOwn(object: object, name: string): boolean {
  return Object.prototype.hasOwnProperty.call(object, name)
}

function fault(code: string, detail: string): UrlFault {
  return { code: code, detail: detail }
}
