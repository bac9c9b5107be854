import type sharp from 'sharp'
import type { ImageRecord } from '../core/image.ts'
import { type Variant, variantKey } from '../core/image-url.ts'
import { focusOf } from './geometry.ts'
import type { Keep } from './keep.ts'
import type { Limits } from './limits.ts'
import type { OriginMetrics } from './metrics.ts'
import { type Rendered, render } from './render.ts'
import type { RenderQueue } from './render-queue.ts'
import type { RequestCounts } from './request-counts.ts'
import { createSources, type SourcesDependencies } from './sources.ts'
import { createTunedQualities } from './tuned-qualities.ts'

export interface VariantMakerDependencies extends SourcesDependencies {
  loadSharp: () => Promise<typeof sharp>
  limits: Limits
  metrics: OriginMetrics
  counts: Pick<RequestCounts, 'rendered'>
  inRenderQueue: RenderQueue
  keep: Keep
}

/** Makes variants while viewers wait for them: each once, however many wait, and stores them after the answer. */
export function createVariantMaker(dependencies: VariantMakerDependencies) {
  const { loadSharp, limits, metrics, counts, background, inRenderQueue, keep } = dependencies
  const sources = createSources(dependencies)
  const tunedQualities = createTunedQualities(dependencies)
  /** Renders under way by variant key, each until its variant is stored: whoever comes meanwhile shares it. */
  const underway = new Map<string, Promise<Rendered>>()

  /**
   * @throws Problem OVERLOADED 503, and what `render` and the sources throw
   */
  async function make(
    record: ImageRecord,
    variant: Variant,
  ): Promise<{ outcome: 'rendered' | 'collapsed'; rendered: Rendered }> {
    const shared = underway.get(variantKey(variant))
    const rendered = await (shared ?? start(record, variant))
    return { outcome: shared === undefined ? 'rendered' : 'collapsed', rendered }
  }

  function start(record: ImageRecord, variant: Variant): Promise<Rendered> {
    const key = variantKey(variant)
    const rendering = inRenderQueue(() => renderVariant(record, variant))
    underway.set(key, rendering)
    background(
      rendering
        .then(({ bytes, contentType }) => keep(record, key, bytes, contentType))
        // The viewers who wait for the render are told.
        .catch(() => {})
        .finally(() => underway.delete(key)),
    )
    return rendering
  }

  function renderVariant(record: ImageRecord, variant: Variant): Promise<Rendered> {
    const tuned = tunedQualities.load(record)
    return sources.using(record, variant.size, async (source) => {
      const encoding = { effort: 'quick', tuned: await tuned } as const
      const stop = metrics.renderSeconds.startTimer({ format: variant.format, source: source.kind })
      const rendered = await render(await loadSharp(), source, variant, focusOf(record), limits, encoding)
      counts.rendered(variant, stop() * 1000)
      metrics.renders.inc({ format: variant.format })
      if (source.kind === 'original') sources.makeMasterLater(record, source)
      return rendered
    })
  }

  return { make, isUnderway: (key: string): boolean => underway.has(key) }
}
