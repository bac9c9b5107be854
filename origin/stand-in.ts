import { parseCanonicalPath, type Variant, variantKey, variantPrefix } from '../core/image-url.ts'
import type { Variants } from './ports.ts'

/**
 * The stored variant to serve while one cannot be rendered: the smallest larger one with the same shape, rather in
 * the asked quality than in another, rather in the asked format than in JPEG, which every viewer reads.
 */
export async function findStandIn(variants: Variants, asked: Variant): Promise<string | null> {
  const stored: Variant[] = []
  for await (const key of variants.list(`${variantPrefix(asked.id)}${asked.rev}/`)) {
    const variant = parseCanonicalPath(`/${key}`)
    if (variant !== null) stored.push(variant)
  }
  const nearest = nearestLarger(asked, stored)
  return nearest === null ? null : variantKey(nearest)
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
