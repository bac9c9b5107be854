import { parseCanonicalPath, type Variant, variantKey, variantPrefix } from '../core/image-url.ts'
import type { Variants } from './ports.ts'

/** What is stored of an image is asked for once in so many milliseconds: overload is no time to do more work. */
const listingMs = 2_000

/** As many listings are remembered; a flood over more images than that lists some again. */
const listingsMax = 500

/** Finds stored variants to serve while others cannot be rendered. */
export function createStandIns(variants: Pick<Variants, 'list'>, now: () => number = Date.now) {
  const listings = new Map<string, { stored: Promise<Variant[]>; until: number }>()

  /**
   * The stored variant to serve in place of one that cannot be rendered: the smallest larger one with the same shape,
   * rather in the asked quality than in another, rather in the asked format than in JPEG, which every viewer reads.
   * Gives its key; null if there is none.
   */
  async function find(asked: Variant): Promise<string | null> {
    const prefix = `${variantPrefix(asked.id)}${asked.rev}/`
    const nearest = nearestLarger(asked, await storedUnder(prefix))
    return nearest === null ? null : variantKey(nearest)
  }

  function storedUnder(prefix: string): Promise<Variant[]> {
    const known = listings.get(prefix)
    if (known !== undefined && now() < known.until) return known.stored
    if (listings.size >= listingsMax) listings.clear()
    const stored = list(prefix)
    listings.set(prefix, { stored, until: now() + listingMs })
    // Who comes next tries again.
    stored.catch(() => listings.delete(prefix))
    return stored
  }

  async function list(prefix: string): Promise<Variant[]> {
    const stored: Variant[] = []
    for await (const key of variants.list(prefix)) {
      const variant = parseCanonicalPath(`/${key}`)
      if (variant !== null) stored.push(variant)
    }
    return stored
  }

  return { find }
}

/** The best of some variants of one image to stand in for another of its variants; null if none is large enough. */
export function nearestLarger(asked: Variant, stored: readonly Variant[]): Variant | null {
  const fitting = stored.filter((variant) => isLargerAlike(variant, asked) && isReadable(variant, asked))
  return fitting.toSorted((a, b) => cost(a, asked) - cost(b, asked))[0] ?? null
}

function isLargerAlike({ size }: Variant, { size: asked }: Variant): boolean {
  if (size.kind === 'preset' || asked.kind === 'preset') return false
  return size.ratio === asked.ratio && size.fit === asked.fit && size.width >= asked.width
}

function isReadable({ format }: Variant, { format: asked }: Variant): boolean {
  return format === asked || format === 'jpeg'
}

/** Another format costs more than any band, another band more than any width. */
function cost({ size, band, format }: Variant, asked: Variant): number {
  const width = size.kind === 'rung' ? size.width : 0
  return width + (band === asked.band ? 0 : 1e6) + (format === asked.format ? 0 : 1e7)
}
