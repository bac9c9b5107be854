import type { Logger } from 'pino'
import type { ImageRecord } from '../core/image.ts'
import { isSignedRev, parseCanonicalPath } from '../core/image-url.ts'
import { cacheControlFor } from './caching.ts'
import type { OriginMetrics } from './metrics.ts'
import type { Records, Variants } from './ports.ts'

/** Whether an image may be delivered: a private one only to a signed request, which the edge function has checked. */
export function isDeliverable({ processingStatus, visibility }: ImageRecord, signed: boolean): boolean {
  return processingStatus === 'completed' && (signed || visibility === 'public')
}

export type Keep = ReturnType<typeof createKeep>

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
  variants: Variants
  metadata: Records
  log: Logger
  metrics: OriginMetrics
}) {
  return async (record: ImageRecord, key: string, bytes: Uint8Array, contentType: string): Promise<void> => {
    try {
      const variant = parseCanonicalPath(`/${key}`)
      const signed = variant !== null && isSignedRev(variant.rev)
      // No unsigned request leads to a variant of a signed one, nor to a master, which is no variant.
      const unseen = signed || variant === null

      // Asked before as well as after: what is put for a moment only can still be cached.
      if (!(await isCurrent(record, unseen))) return
      const cacheControl = cacheControlFor(record, { signed, contentType })
      await variants.put(key, bytes, { contentType, cacheControl, onlyIfAbsent: true })
      if (!(await isCurrent(record, unseen))) await variants.delete([key])
    } catch (error) {
      metrics.storeFailures.inc()
      log.error({ err: error, imageId: record.id, key }, 'variant could not be stored')
    }
  }

  /**
   * Whether the record still stands for what was rendered. A delete or a replacement that came meanwhile has cleared
   * the bucket before we write to it: what it did not see would be served for ever.
   */
  async function isCurrent(rendered: ImageRecord, unseen: boolean): Promise<boolean> {
    const now = await metadata.get(rendered.id, { consistent: true })
    return now !== null && isDeliverable(now, unseen) && now.rev === rendered.rev
  }
}
