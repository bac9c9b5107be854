import { aliasRev, formatImageUrl, normalizeImageId, type Size } from '../core/image-url.ts'
import {
  type Band,
  bandNames,
  bandOf,
  defaultBand,
  defaultWidth,
  type Format,
  nearestRatio,
  ratioValue,
  devicePixels,
  snapUp,
} from '../core/ladder.ts'
import { withoutSlash } from './base-url.ts'
import { type Box, deliveredSize, type Dimensions } from './delivered-size.ts'
import type { AspectRatio, ImageRef, Look, PresetName, Quality } from './image-ref.ts'
import { placeholderColor } from './placeholder.ts'
import { type Offer, srcsetRungs } from './srcset-rungs.ts'

/** One picture of a width, or a preset, which is a size and a quality of its own. */
export type SrcOptions =
  | (Look & {
      /** CSS pixels. */
      width: number
      /** Device pixels per CSS pixel; 1 unless given. */
      dpr?: number
      preset?: never
    })
  | { preset: PresetName; format?: Format }

export type SrcSetOptions = Look & Offer

/** A picture for some screens only, such as a square crop for narrow ones. */
export type ArtDirection = SrcSetOptions & {
  /** The media condition under which this one is shown; the first that holds wins. */
  media: string
}

export type PictureOptions = SrcSetOptions & {
  /** CSS pixels of an image that is as wide on every screen. Without it the image follows the layout. */
  width?: number
  /** The image's own alternative text unless given; '' marks decoration. */
  alt?: string
  /** Pictures in place of this one; what they leave out is as for this one. */
  sources?: readonly ArtDirection[]
}

/** Attributes of an `<img>`. The names are those of JSX; in HTML, attribute names have no case. */
export interface ImgAttributes {
  alt: string
  width?: number
  height?: number
  style?: { backgroundColor: string }
  sizes: string
  srcSet: string
  src: string
}

/** Attributes of a `<source>`. */
export interface SourceAttributes {
  media: string
  width?: number
  height?: number
  sizes: string
  srcSet: string
}

export interface Picture {
  /** Empty unless `sources` were asked for: the format needs none, it is negotiated by the edge. */
  sources: SourceAttributes[]
  img: ImgAttributes
}

/** Writes the URLs of images. */
export interface ImageUrls {
  /**
   * The URL of one picture, in the one spelling that all equal requests share, so that browsers cache it once.
   *
   * @throws {TypeError} if `image.id` is no image id
   */
  src(image: ImageRef, options: SrcOptions): string
  /**
   * A srcset with `w` descriptors, each the width that is delivered: rungs of the ladder, and the original's own width
   * in place of all above it.
   *
   * @throws {TypeError} if `image.id` is no image id
   */
  srcSet(image: ImageRef, options?: SrcSetOptions): string
  /**
   * Attributes of an `<img>` and, for other crops on other screens, of `<source>`s before it. Their width and height
   * have the shape of the picture, so that the page keeps its place while it loads.
   *
   * @throws {TypeError} if `image.id` is no image id
   */
  picture(image: ImageRef, options?: PictureOptions): Picture
}

/** What a browser takes where an `<img>` says nothing. */
const sizesDefault = '100vw'

/** One entry of a srcset. */
interface Candidate {
  url: string
  /** Pixels that come out; the height is unknown where the original's is and no ratio tells. */
  width: number
  height: number | undefined
}

/**
 * Makes the helpers that write image URLs.
 *
 * @param options.baseUrl where images are served, such as `https://cdn.example.com`; '' for the page's own origin
 */
export function createImageUrls(options: { baseUrl: string }): ImageUrls {
  const baseUrl = withoutSlash(options.baseUrl)

  function write(image: ImageRef, size: Size, { quality, format }: Pick<Look, 'quality' | 'format'>): string {
    const request = {
      id: imageId(image),
      rev: image.rev ?? aliasRev,
      size,
      band: bandFor(quality),
      format: format ?? '',
    } as const
    return baseUrl + formatImageUrl(request)
  }

  function candidate(image: ImageRef, rung: number, look: Look): Candidate {
    const box = boxOf(rung, look)
    const original = dimensionsOf(image)
    if (original === undefined) {
      const height = isCrop(box) ? Math.round(rung / ratioValue(box.ratio)) : undefined
      return { url: write(image, { kind: 'rung', ...box }, look), width: rung, height }
    }
    // A box that is scaled into must stay as it is. All else is named by the width that comes out, as by the API: what
    // lies above the original is one picture, and gets one URL.
    const isBox = box.ratio !== '' && !isCrop(box)
    const width = isBox ? rung : deliveredSize(original, box).width
    const delivered = deliveredSize(original, { ...box, width: snapUp(width) })
    return { url: write(image, { kind: 'rung', ...box, width }, look), ...delivered }
  }

  function candidates(image: ImageRef, asked: SrcSetOptions): Candidate[] {
    const all = srcsetRungs(asked).map((rung) => candidate(image, rung, asked))
    return all.filter(({ width }, index) => index === 0 || width > all[index - 1]!.width)
  }

  function source(image: ImageRef, { media, ...asked }: ArtDirection): SourceAttributes {
    const offered = candidates(image, asked)
    return { media, ...shapeOf(offered.at(-1)!), sizes: asked.sizes ?? sizesDefault, srcSet: listed(offered) }
  }

  return {
    src(image, asked) {
      if (asked.preset !== undefined) return write(image, { kind: 'preset', name: asked.preset }, asked)
      return candidate(image, snapUp(devicePixels(asked.width, asked.dpr ?? 1)), asked).url
    },

    srcSet(image, asked = {}) {
      return listed(candidates(image, asked))
    },

    picture(image, { alt, width, sources = [], ...asked } = {}) {
      const shared = { ...asked, sizes: asked.sizes ?? (width === undefined ? undefined : `${width}px`) }
      const offered = candidates(image, shared)
      const backgroundColor = placeholderColor(image)
      return {
        sources: sources.map((each) => source(image, { ...shared, ...each })),
        img: {
          alt: alt ?? image.altText ?? '',
          ...shapeOf(offered.at(-1)!, width),
          ...(backgroundColor !== undefined && { style: { backgroundColor } }),
          sizes: shared.sizes ?? sizesDefault,
          srcSet: listed(offered),
          // The last one: React sets attributes in order, and Safari loads as soon as it sees this one.
          src: (offered.find((each) => each.width >= defaultWidth) ?? offered.at(-1)!).url,
        },
      }
    },
  }
}

function imageId({ id }: ImageRef): string {
  const normal = normalizeImageId(id)
  if (normal === undefined) throw new TypeError(`"${id}" is no image id`)
  return normal
}

function bandFor(quality: Quality | undefined): Band {
  if (quality === undefined) return defaultBand
  return typeof quality === 'number' ? bandOf(quality) : ((bandNames.indexOf(quality) + 1) as Band)
}

function boxOf(width: number, { aspectRatio, fit = 'cover' }: Look): Box {
  return { width, ratio: aspectRatio === undefined ? '' : knownRatio(aspectRatio), fit }
}

function knownRatio(aspectRatio: AspectRatio): string {
  return nearestRatio(typeof aspectRatio === 'number' ? aspectRatio : ratioValue(aspectRatio))
}

function isCrop({ ratio, fit }: Box): boolean {
  return ratio !== '' && fit === 'cover'
}

function dimensionsOf({ width, height }: ImageRef): Dimensions | undefined {
  return width && height ? { width, height } : undefined
}

function listed(candidates: readonly Candidate[]): string {
  return candidates.map(({ url, width }) => `${url} ${width}w`).join(', ')
}

/** Attributes that reserve the place of a picture, at its own width or at the one given. */
function shapeOf({ width, height }: Candidate, shownWidth = width): Partial<Dimensions> {
  if (height === undefined) return {}
  return { width: shownWidth, height: Math.round((shownWidth * height) / width) }
}
