import type sharp from 'sharp'
import type { ImageRecord } from '../core/image.ts'
import { aliasRev, type Size, type Variant, variantKey } from '../core/image-url.ts'
import { hotRungs, rungsFor } from '../core/hot-rungs.ts'
import { defaultBand, type Format, rungs } from '../core/ladder.ts'
import type { MetadataStore } from '../core/metadata-store.ts'
import type { ObjectStore } from '../core/object-store.ts'
import type { Encoding } from './encoders.ts'
import { isDeliverable, type Keep } from './keep.ts'
import type { Limits } from './limits.ts'
import { decodeOnce, render, type Source } from './render.ts'
import type { RequestCounts } from './request-counts.ts'
import type { Sources } from './sources.ts'
import type { TunedQualitiesOfImages } from './tuned-qualities.ts'

/** What nearly all viewers take; JPEG is made for the few others when they come. */
const prerenderedFormats: readonly Format[] = ['avif', 'webp']

export interface PrerenderDependencies {
  variants: ObjectStore
  metadata: MetadataStore
  loadSharp: () => Promise<typeof sharp>
  limits: Limits
  sources: Sources
  tunedQualities: TunedQualitiesOfImages
  counts: Pick<RequestCounts, 'rendered'>
  keep: Keep
}

/**
 * Gives a function that makes and stores an image's variants before anyone asks for them, from one decoding of the
 * original. It tells how many it made; those that are stored already are left alone. A private image has none: few
 * ask for it.
 */
export function createPrerender(dependencies: PrerenderDependencies) {
  const { variants, metadata, loadSharp, limits, sources, tunedQualities, counts, keep } = dependencies

  async function prerender(imageId: string, wanted: 'hot' | 'all'): Promise<number> {
    const record = await metadata.get(imageId, { consistent: true })
    if (record === null || !isDeliverable(record, false)) return 0
    const missing = await missingVariants(record, wanted === 'hot' ? hotRungs : rungs)
    const largest = missing.at(-1)
    if (largest === undefined) return 0

    const decoded = await sources.using(record, largest.size, async (source) => {
      const pixels = await decodeOnce(await loadSharp(), source, largest.size, limits)
      if (source.kind === 'original') sources.makeMasterLater(record, source)
      return pixels ?? source
    })
    const encoding = { effort: 'quick', tuned: await tunedQualities.load(record) } as const
    for (const variant of missing) await make(record, variant, decoded, encoding)
    return missing.length
  }

  /** In rising order of width. */
  async function missingVariants(record: ImageRecord, chosen: readonly number[]): Promise<Variant[]> {
    const rev = record.rev ?? aliasRev
    const wanted = rungsFor(record.width, chosen).flatMap((width) => {
      const size: Size = { kind: 'rung', width, ratio: '', fit: 'inside' }
      return prerenderedFormats.map((format): Variant => ({
        id: record.id,
        rev,
        size,
        band: defaultBand,
        format,
      }))
    })
    const stored = await Promise.all(wanted.map((variant) => variants.head(variantKey(variant))))
    return wanted.filter((_, at) => stored[at] === null)
  }

  async function make(
    record: ImageRecord,
    variant: Variant,
    source: Source,
    encoding: Encoding,
  ): Promise<void> {
    const startedAt = performance.now()
    const { bytes, contentType } = await render(await loadSharp(), source, variant, null, limits, encoding)
    counts.rendered(variant, performance.now() - startedAt)
    await keep(record, variantKey(variant), bytes, contentType)
  }

  return prerender
}
