import type { Logger } from 'pino'
import type { ImageRecord } from '../core/image.ts'
import { isSignedRev, parseCanonicalPath } from '../core/image-url.ts'
import type { MetadataStore } from '../core/metadata-store.ts'
import type { ObjectStore } from '../core/object-store.ts'
import { immutable, mutable } from './caching.ts'
import type { OriginMetrics } from './metrics.ts'

/** Whether an image may be delivered: a private one only to a signed request, which the edge function has checked. */
export function isDeliverable({ processingStatus, visibility }: ImageRecord, signed: boolean): boolean {
  return processingStatus === 'completed' && (signed || visibility === 'public')
}

/**
 * Gives a function that stores what was made from an image's original beside the variants. It never throws: a
 * failure is logged and counted, costs a second render one day, and the viewer nothing.
 */
export function createKeep({
  variants,
  metadata,
  log,
  metrics,
}: {
  variants: ObjectStore
  metadata: MetadataStore
  log: Logger
  metrics: OriginMetrics
}) {
  return async (record: ImageRecord, key: string, bytes: Uint8Array, contentType: string): Promise<void> => {
    try {
      const cacheControl = record.rev === null ? mutable : immutable
      await variants.put(key, bytes, { contentType, cacheControl, onlyIfAbsent: true })
      await removeIfOutdated(record, key)
    } catch (error) {
      metrics.storeFailures.inc()
      log.error({ err: error, imageId: record.id, key }, 'variant could not be stored')
    }
  }

  /**
   * A delete or a replacement that came while we rendered has cleared the bucket before we wrote to it: what it did
   * not see is taken away here, or it would be served for ever.
   */
  async function removeIfOutdated(rendered: ImageRecord, key: string): Promise<void> {
    const now = await metadata.get(rendered.id, { consistent: true })
    const kept = now !== null && isDeliverable(now, isUnseen(key)) && now.rev === rendered.rev
    if (!kept) await variants.delete([key])
  }
}

/** Whether no unsigned request leads to this object: a variant of a signed one, or a master. */
function isUnseen(key: string): boolean {
  const variant = parseCanonicalPath(`/${key}`)
  return variant === null || isSignedRev(variant.rev)
}
