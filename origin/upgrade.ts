import type sharp from 'sharp'
import type { ImageRecord } from '../core/image.ts'
import {
  aliasRev,
  isSignedRev,
  parseCanonicalPath,
  signedRev,
  type Variant,
  variantKey,
} from '../core/image-url.ts'
import type { MetadataStore } from '../core/metadata-store.ts'
import type { ObjectStore } from '../core/object-store.ts'
import { finalCacheControl, isProvisional } from './caching.ts'
import type { TunedQualities } from './encoders.ts'
import { focusOf } from './geometry.ts'
import { isDeliverable } from './keep.ts'
import type { Limits } from './limits.ts'
import type { OpenScorer } from './quality/scoring.ts'
import { render, type Rendered, type Source } from './render.ts'
import type { Sources } from './sources.ts'
import { tune } from './tune.ts'
import type { TunedQualitiesOfImages } from './tuned-qualities.ts'

export interface UpgradeDependencies {
  variants: ObjectStore
  metadata: MetadataStore
  loadSharp: () => Promise<typeof sharp>
  limits: Limits
  sources: Sources
  openScorer: OpenScorer
  tunedQualities: TunedQualitiesOfImages
}

/** How an upgrade ended; `final` and `gone` mean that there was nothing to do any more. */
export type UpgradeOutcome = 'upgraded' | 'final' | 'gone'

/**
 * Gives a function that replaces a stored AVIF which was encoded quickly by one that was encoded thoroughly, in the
 * quality that this image needs. It is kept for a year from then on.
 */
export function createUpgrade(dependencies: UpgradeDependencies) {
  const { variants, metadata, loadSharp, limits, sources, openScorer, tunedQualities } = dependencies

  async function upgrade(path: string): Promise<UpgradeOutcome> {
    const asked = parseCanonicalPath(path)
    const record = asked === null ? null : await metadata.get(asked.id, { consistent: true })
    const variant = asked === null || record === null ? null : currentOf(asked, record)
    if (record === null || variant === null) return 'gone'

    const key = variantKey(variant)
    const stored = await variants.head(key)
    if (stored === null) return 'gone'
    if (!isProvisional(stored.cacheControl)) return 'final'
    const { bytes, contentType } = await renderThoroughly(record, variant)

    // Only over what was there: a deletion that came meanwhile stands.
    const { kind } = await variants.put(key, bytes, {
      contentType,
      cacheControl: finalCacheControl(isSignedRev(variant.rev)),
      onlyIfEtag: stored.etag,
    })
    return kind === 'stored' ? 'upgraded' : 'gone'
  }

  function renderThoroughly(record: ImageRecord, variant: Variant): Promise<Rendered> {
    return sources.using(record, variant.size, async (source) => {
      const tuned = (await tunedQualities.load(record)) ?? (await findQualities(record, source))
      const encoding = { effort: 'thorough', tuned } as const
      return render(await loadSharp(), source, variant, focusOf(record), limits, encoding)
    })
  }

  async function findQualities(record: ImageRecord, source: Source): Promise<TunedQualities> {
    const qualities = await tune(await loadSharp(), source, limits, openScorer)
    await tunedQualities.save(record, qualities)
    return qualities
  }

  return upgrade
}

/** The variant under the revision that the image has now; null for what may not be delivered any more. */
function currentOf(asked: Variant, record: ImageRecord): Variant | null {
  const signed = isSignedRev(asked.rev)
  if (record.rev === null || !isDeliverable(record, signed)) return null
  const mark = signed ? signedRev : (rev: string): string => rev
  const isCurrent = asked.rev === mark(aliasRev) || asked.rev === mark(record.rev)
  return isCurrent ? { ...asked, rev: mark(record.rev) } : null
}
