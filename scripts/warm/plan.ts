import type { ImageView } from '../../api/image-view.ts'
import { queryParametersOf } from '../../core/asked-width.ts'
import { rungsFor } from '../../core/hot-rungs.ts'
import {
  aliasRev,
  formatImageUrl,
  type ImageRequest,
  isFault,
  parseImageUrl,
  type Size,
} from '../../core/image-url.ts'
import { defaultBand, type Format, formats, presets, ratioValue } from '../../core/ladder.ts'
import type { Demand } from './demand.ts'

/** One request to the CDN. */
export interface WarmRequest {
  url: string
  format: Format
  /** Pixels of the picture; where the size of the original is not known, those of a 3:2 photograph that is large enough. */
  pixels: number
  /** How many requests of the log asked for it; 1 where there is no log. */
  weight: number
}

/** What shall be asked, in this order, and what was left out. */
export interface Plan {
  /** As many as the budget allows. */
  requests: WarmRequest[]
  /** How many there would be with a larger budget. */
  wanted: number
  /** Numbers by their reason, in words. */
  leftOut: Readonly<Record<string, number>>
  /** The image requests of the log, those for private images not counted; null where there is no log. */
  loggedRequests: number | null
}

/** What a plan needs to know of an image. */
export type PlannedImage = Pick<ImageView, 'id' | 'imageUrl' | 'width' | 'aspectRatio'>

export interface Wanted {
  rungs: readonly number[]
  formats: readonly Format[]
  /** Where the CDN is; undefined: where the API says. */
  cdn?: string | undefined
  /** The most requests. */
  budget: number
}

/**
 * All requests that fill the CDN with these images: each rung in each format, under the URLs that pages use. Naming
 * the format with `f` fills the same key as a browser's Accept header does.
 *
 * Private images are left out, for a signed URL must not lie about in files and logs; so are those without a URL.
 */
export function planForImages(images: readonly PlannedImage[], wanted: Wanted): Plan {
  const requests: WarmRequest[] = []
  const leftOut = { 'private images': 0, 'images without a URL': 0 }
  for (const image of images) {
    const url = image.imageUrl === null ? null : new URL(image.imageUrl)
    if (url === null) leftOut['images without a URL']++
    else if (!url.pathname.startsWith('/i/')) leftOut['private images']++
    else requests.push(...requestsFor(image, url, wanted))
  }
  return {
    requests: requests.slice(0, wanted.budget),
    wanted: requests.length,
    leftOut,
    loggedRequests: null,
  }
}

function requestsFor(image: PlannedImage, url: URL, { rungs, formats: asked, cdn }: Wanted): WarmRequest[] {
  const rev = url.searchParams.get('r') ?? aliasRev
  return rungsFor(image.width, rungs).flatMap((width) =>
    asked.map((format) => {
      const size = { kind: 'rung', width, ratio: '', fit: 'inside' } as const
      return {
        url: (cdn ?? url.origin) + formatImageUrl({ id: image.id, rev, size, band: defaultBand, format }),
        format,
        pixels: pixelsOf(size, image),
        weight: 1,
      }
    }),
  )
}

/**
 * The requests that viewers made, most wanted first. Where the log does not tell the format that was negotiated, each of
 * `formats` is asked for with an equal share of the weight.
 */
export function planForDemand(
  demand: Demand,
  { formats: guessed, cdn, budget }: { formats: readonly Format[]; cdn: string; budget: number },
): Plan {
  const weights = withFormats(demand.weights, guessed)
  const mostWanted = [...weights].toSorted(([, a], [, b]) => b - a).slice(0, budget)
  const { used, ...leftOut } = demand.lines
  return {
    requests: mostWanted.map(([url, weight]) => {
      const { format, size } = readBack(url)
      return { url: cdn + url, format: format as Format, pixels: pixelsOf(size, null), weight }
    }),
    wanted: weights.size,
    leftOut,
    loggedRequests: used,
  }
}

/** Weights of URLs that all name a format. Texts alone, since a log may ask for far more than a budget allows. */
function withFormats(
  weights: ReadonlyMap<string, number>,
  guessed: readonly Format[],
): ReadonlyMap<string, number> {
  const shared = new Map(weights)
  for (const [url, weight] of weights) {
    if (readBack(url).format !== '') continue
    shared.delete(url)
    for (const format of guessed) {
      const named = formatImageUrl({ ...readBack(url), format })
      shared.set(named, (shared.get(named) ?? 0) + weight / guessed.length)
    }
  }
  return shared
}

/** What `formatImageUrl` wrote. */
function readBack(url: string): ImageRequest {
  const [path, query = ''] = url.split('?')
  const asked = parseImageUrl(path!, queryParametersOf(query))
  if (isFault(asked)) throw new Error(`${url} is no URL of an image`)
  return asked
}

/** Width over height of a photograph about which nothing is known. */
const usualRatio = 3 / 2

function pixelsOf(size: Size, image: Pick<PlannedImage, 'width' | 'aspectRatio'> | null): number {
  const ratio = image?.aspectRatio ?? usualRatio
  if (size.kind === 'preset') {
    const { width, height, fit } = presets[size.name]!
    return Math.round(width * (fit === 'cover' ? height : width / ratio))
  }
  const width = Math.min(size.width, image?.width ?? Infinity)
  return Math.round(width ** 2 / (size.ratio === '' ? ratio : ratioValue(size.ratio)))
}

/**
 * Reads formats such as `avif,webp`.
 *
 * @throws RangeError that lists the formats if one is not known
 */
export function parseFormats(text: string): Format[] {
  const read = text.split(',').map((item) => {
    const format = formats.find((known) => known === item)
    if (format !== undefined) return format
    throw new RangeError(`${item} is not a format; there are ${formats.join(', ')}`)
  })
  return [...new Set(read)]
}
