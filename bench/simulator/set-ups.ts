import {
  aliasRev,
  canonicalPath,
  isFault,
  parseImageUrl,
  type QueryParameter,
  type Variant,
} from '../../core/image-url.ts'
import type { Format } from '../../core/ladder.ts'
import { negotiate } from '../../core/negotiate.ts'
import { neededWidth, type Viewing } from './workload.ts'

/** How long caches may answer with what they hold, counted from the origin's answer. */
export interface Lifetime {
  readonly freshSeconds: number
  /** after that, how long they may still answer while they ask the origin in the background */
  readonly staleSeconds: number
}

/** What one viewing asks of the CDN and of the origin behind it. */
export interface Delivery {
  readonly cacheKey: string
  /** under which name the origin keeps the rendered image; null if it keeps none */
  readonly storedKey: string | null
  readonly width: number
  readonly format: Format
  readonly lifetime: Lifetime
}

/** An image service, as far as caches can tell it from another: which URLs its pages use, and what is a key. */
export interface SetUp {
  readonly name: string
  readonly description: string
  deliver(viewing: Viewing): Delivery
}

const yearSeconds = 31_536_000
const immutable: Lifetime = { freshSeconds: yearSeconds, staleSeconds: 0 }
/** What the origin sends for a URL without a revision: s-maxage=300, stale-while-revalidate=86400. */
const mutable: Lifetime = { freshSeconds: 300, staleSeconds: 86_400 }

/**
 * Tintype: URLs are read by the grammar of `core/`, and the canonical path is the key.
 *
 * @param ladder answers what would be if the ladder were another one; the grammar's own if left out
 */
export function tintype(ladder?: readonly number[]): SetUp {
  return {
    name: ladder === undefined ? 'Tintype' : `Tintype, ${ladder.length} rungs`,
    description: 'canonical path as key, variants kept in S3',
    deliver(viewing) {
      const variant = variantOf(viewing)
      const deliverable = ladder === undefined ? variant : moveTo(ladder, viewing, variant)
      const { size } = deliverable
      if (size.kind !== 'rung') throw new Error('pages of the workload name widths, not presets')
      return {
        cacheKey: canonicalPath(deliverable),
        // An alias is kept under the revision that it stands for.
        storedKey: canonicalPath({ ...deliverable, rev: revisionOf(viewing.image) }),
        width: size.width,
        format: deliverable.format,
        lifetime: deliverable.rev === aliasRev ? mutable : immutable,
      }
    },
  }
}

/**
 * The same, with an origin that answers a rung it has not stored by the next larger one, if it has stored that: a cheaper
 * answer than a render, of more pixels than were asked for. What was answered once stays so.
 */
export function tintypeServingLarger(ladder: readonly number[]): SetUp {
  const exact = tintype(ladder)
  const stored = new Map<string, Delivery>()
  const answers = new Map<string, Delivery>()
  return {
    name: 'larger in store',
    description: 'as Tintype, but the next larger stored variant is as good as the one asked for',
    deliver(viewing) {
      const own = exact.deliver(viewing)
      const known = answers.get(own.cacheKey)
      if (known !== undefined) return known
      const larger = ladder.find((rung) => rung > own.width)
      const substitute = larger === undefined ? undefined : stored.get(rungKey(own, larger))
      const isOwnStored = stored.has(own.storedKey!)
      const answer =
        isOwnStored || substitute === undefined
          ? own
          : { ...own, storedKey: substitute.storedKey, width: substitute.width }
      if (answer === own) stored.set(own.storedKey!, own)
      answers.set(own.cacheKey, answer)
      return answer
    },
  }
}

/** The stored key of the same image in another rung. */
function rungKey({ storedKey, width }: Delivery, rung: number): string {
  return storedKey!.replace(`-w${width}-`, `-w${rung}-`)
}

/** Every URL as it stands is a key, for each format that the origin negotiates; nothing is kept behind the CDN. */
export const passThrough: SetUp = {
  name: 'exact widths',
  description: 'URL as written and format as key, nothing kept',
  deliver(viewing) {
    const format = negotiate(viewing.accept)
    const query = queryOf(viewing).map(({ name, value }) => `${name}=${value}`)
    return {
      cacheKey: `/i/${idOf(viewing.image)}?${query.join('&')} ${format}`,
      storedKey: null,
      width: neededWidth(viewing),
      format,
      lifetime: immutable,
    }
  },
}

/** `deviceSizes` and `imageSizes` of Next.js 16, as its documentation has them. */
export const nextWidths: readonly number[] = [
  32, 48, 64, 96, 128, 256, 384, 640, 750, 828, 1080, 1200, 1920, 2048, 3840,
]

/**
 * `next/image` with its defaults: a browser chooses from a srcset of its widths at q=75, as WebP (`formats`), cached for
 * four hours (`minimumCacheTTL`). The optimizer answers `Vary: Accept`, so the CDN keys on that header. It keeps
 * what it rendered on disk; that its disk lasts, and that one server has all of it, is in its favour.
 */
export const nextImage: SetUp = {
  name: 'Next.js widths',
  description: 'url, w, q and the Accept header as key, kept on disk',
  deliver(viewing) {
    const width = snap(neededWidth(viewing), nextWidths)
    const format = viewing.accept.includes('image/webp') ? 'webp' : 'jpeg'
    const url = `/_next/image?url=%2F${idOf(viewing.image)}.jpg&w=${width}&q=75`
    return {
      cacheKey: `${url}${viewing.tracking === '' ? '' : `&${viewing.tracking}`} ${viewing.accept}`,
      storedKey: `${url} ${format}`,
      width,
      format,
      lifetime: { freshSeconds: 14_400, staleSeconds: 0 },
    }
  },
}

/**
 * The image-optimization sample of aws-samples: its CloudFront function puts format, quality and width in order,
 * resolves `format=auto`, and drops all else; results are kept in S3. Widths are taken as they come.
 */
export const awsSample: SetUp = {
  name: 'AWS sample',
  description: 'format and exact width in order as key, kept in S3',
  deliver(viewing) {
    const { accept } = viewing
    const width = neededWidth(viewing)
    const format = accept.includes('avif') ? 'avif' : accept.includes('webp') ? 'webp' : 'jpeg'
    const path = `/${idOf(viewing.image)}.jpg/format=${format},width=${width}`
    return {
      cacheKey: path,
      storedKey: path,
      width,
      format,
      lifetime: { freshSeconds: 31_622_400, staleSeconds: 0 },
    }
  },
}

/** The public URL's parameters, as a page of the workload writes them. */
export function queryOf(viewing: Viewing): QueryParameter[] {
  const needed = neededWidth(viewing)
  // A page knows the image's width from the API, and asks for no more.
  const isWhole = needed === viewing.sourceWidth
  const width = { name: 'w', value: String(isWhole ? needed : viewing.cssWidth) }
  const pixelRatio =
    isWhole || viewing.pixelRatio === 1 ? [] : [{ name: 'dpr', value: String(viewing.pixelRatio) }]
  const revision = viewing.namesRevision ? [{ name: 'r', value: revisionOf(viewing.image) }] : []
  const tracking = viewing.tracking === '' ? [] : [parameterOf(viewing.tracking)]
  switch (viewing.parameterOrder) {
    case 0:
      return [...revision, width, ...pixelRatio, ...tracking]
    case 1:
      return [...pixelRatio, ...revision, ...tracking, width]
    default:
      return [width, ...pixelRatio, ...revision, ...tracking]
  }
}

/** The image's id, a ULID; digits are among its letters. */
export function idOf(image: number): string {
  return `01JC${String(image).padStart(22, '0')}`
}

/** The revision of the image: 8 hex digits that look like a hash's. */
export function revisionOf(image: number): string {
  return (Math.imul(image + 1, 0x9e3779b1) >>> 0).toString(16).padStart(8, '0')
}

/** The smallest width of the ladder that is large enough, or its largest. */
export function snap(width: number, ladder: readonly number[]): number {
  return ladder.find((rung) => rung >= width) ?? ladder.at(-1)!
}

function variantOf(viewing: Viewing): Variant {
  const asked = parseImageUrl(`/i/${idOf(viewing.image)}`, queryOf(viewing))
  if (isFault(asked)) throw new Error(`a page of the workload wrote a URL that is refused: ${asked.detail}`)
  return { ...asked, format: asked.format === '' ? negotiate(viewing.accept) : asked.format }
}

function moveTo(ladder: readonly number[], viewing: Viewing, variant: Variant): Variant {
  const width = snap(neededWidth(viewing), ladder)
  return { ...variant, size: { kind: 'rung', width, ratio: '', fit: 'inside' } }
}

function parameterOf(text: string): QueryParameter {
  const at = text.indexOf('=')
  return { name: text.slice(0, at), value: text.slice(at + 1) }
}
