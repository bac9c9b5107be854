import type { ImageRecord } from '../core/image.ts'
import { aliasRev, signedRev, variantPrefix } from '../core/image-url.ts'
import { goOn } from './background.ts'
import type { ApiDependencies } from './dependencies.ts'
import {
  type Attempt,
  attemptOf,
  attemptSecondsMax,
  originalPrefix,
  parseIntentId,
  pendingKey,
  startOf,
} from './intents.ts'
import { tidyCounter } from './metrics.ts'

type TidyDependencies = Pick<
  ApiDependencies,
  | 'originals'
  | 'variants'
  | 'metadata'
  | 'purge'
  | 'retainOriginals'
  | 'now'
  | 'log'
  | 'metrics'
  | 'background'
>

export interface TidyOptions {
  /** Attempts begun before this time (ms) are over, so their objects may go; 15 minutes ago unless given. */
  attemptsBefore?: number
  /** An attempt that is over, whatever its age. */
  attempt?: string | null
  /** An original to remove although it lies outside the image's prefix, or was brought only now. */
  obsoleteKey?: string | null
}

export interface SweepOptions {
  /** Take every attempt begun before this time (ms) as over: for a process that is alone, at its start. */
  openedBefore?: number
}

/** How many images were put in order, are waiting for their upload, or failed and will be tried again. */
export interface SweepReport {
  tidied: number
  waiting: number
  failed: number
}

export type Tidy = ReturnType<typeof createTidy>

const pageSize = 100

/** Brings objects and CDN in line with the records. */
export function createTidy(deps: TidyDependencies) {
  const { originals, variants, metadata, purge, retainOriginals, now, log } = deps
  const outcomes = tidyCounter(deps.metrics)

  /**
   * Removes what the record of an image does not stand for: all of a deleted or expired one, replaced originals, the
   * variants of other revisions and of private images. A pending upload is left alone: `waiting`.
   *
   * The order is that of a cache hierarchy, outside in, so that no tier fills again from the one behind it: first
   * the variants, then the CDN, at last the original.
   */
  async function tidyImage(id: string, options: TidyOptions = {}): Promise<'tidied' | 'waiting'> {
    const record = await metadata.get(id, { consistent: true })
    if (record?.processingStatus === 'pending') return 'waiting'
    // An expired upload: `get` no longer shows it.
    if (record === null) await metadata.discardPending(id)

    await tidyDelivery(id, record)
    await removeOriginals(id, record, options)
    return 'tidied'
  }

  /** What viewers see: nothing outdated is delivered after this. */
  async function tidyDelivery(id: string, record: ImageRecord | null): Promise<void> {
    await removeVariants(id, record)
    // Always: a render may have stored a variant, had it cached, and taken it away again.
    await purge([id])
  }

  /** Keeps those of the present revision; of a private image only what unsigned requests do not find. */
  async function removeVariants(id: string, record: ImageRecord | null): Promise<void> {
    const rev = record?.rev ?? aliasRev
    const unseen = [`${variantPrefix(id)}${signedRev(rev)}/`, `m/${id}/${rev}.`]
    const seen = record?.visibility === 'public' ? [`${variantPrefix(id)}${rev}/`] : []
    const keep = record === null ? [] : [...seen, ...unseen]
    const isStale = (key: string): boolean => !keep.some((prefix) => key.startsWith(prefix))
    const [stale, staleMasters] = await Promise.all([
      keysWhere(variants.list(variantPrefix(id)), isStale),
      keysWhere(variants.list(`m/${id}/`), isStale),
    ])
    stale.push(...staleMasters)
    if (stale.length > 0) await variants.delete(stale)
  }

  async function removeOriginals(
    id: string,
    record: ImageRecord | null,
    options: TidyOptions,
  ): Promise<void> {
    const { attemptsBefore = now() - attemptSecondsMax * 1000, attempt = null, obsoleteKey = null } = options
    const isObsolete = (key: string): boolean => {
      if (key === record?.s3Key) return false
      const brought = attemptOf(key)
      if (brought !== null && brought.name === attempt) return true
      // The attempts whose intent is closed had their original named by a record: it is retained.
      if (retainOriginals) return false
      return brought === null || brought.startedAt < attemptsBefore
    }
    const obsolete = await keysWhere(originals.list(originalPrefix(id)), isObsolete)
    if (obsoleteKey !== null && obsoleteKey !== record?.s3Key && !retainOriginals) obsolete.push(obsoleteKey)
    await originals.delete([...new Set([...obsolete, pendingKey(id)])])
  }

  /**
   * Puts the objects in order after a change of the record: what viewers see at once, originals after the answer. The
   * change stands whatever happens here: what fails, the open intent leads the sweep to.
   *
   * @param record what the change has left; null after a deletion
   */
  async function finish(
    attempt: Attempt,
    record: ImageRecord | null,
    options: TidyOptions = {},
  ): Promise<void> {
    try {
      await tidyDelivery(attempt.imageId, record)
    } catch (error) {
      failed(attempt.imageId, error)
      goOn(deps, 'try again soon', () => attempt.dueSoon())
      return
    }
    goOn(deps, 'remove originals', async () => {
      await removeOriginals(attempt.imageId, record, options)
      await attempt.closeAndLookAgain()
      outcomes.inc({ outcome: 'tidied' })
    })
  }

  function failed(imageId: string, error: unknown): void {
    log.error({ err: error, imageId }, 'tidying an image failed')
    outcomes.inc({ outcome: 'failed' })
  }

  /**
   * Finishes what crashed requests began: tidies every image with an intent that is due. One that fails stays due.
   */
  async function sweepIntents({ openedBefore }: SweepOptions = {}): Promise<SweepReport> {
    const report: SweepReport = { tidied: 0, waiting: 0, failed: 0 }
    const attemptsBefore = openedBefore ?? now() - attemptSecondsMax * 1000
    const dueBefore = openedBefore === undefined ? now() : openedBefore + attemptSecondsMax * 1000
    for (;;) {
      // Those that stay open are the oldest, and come first again: ask for that many more.
      const stayed = report.waiting + report.failed
      const page = await metadata.dueIntents(new Date(dueBefore).toISOString(), stayed + pageSize)
      for (const intent of page.slice(stayed)) report[await sweep(intent.id, attemptsBefore)]++
      if (page.length < stayed + pageSize) return report
    }
  }

  async function sweep(intentId: string, attemptsBefore: number): Promise<keyof SweepReport> {
    const { imageId, attempt, kind, obsoleteKey } = parseIntentId(intentId)
    // An attempt that only looks again has had its original named by the record: it is not left over.
    const leftOver: TidyOptions = kind === 'look-again' ? {} : { attempt, obsoleteKey }
    try {
      const outcome = await tidyImage(imageId, { attemptsBefore, ...leftOver })
      if (outcome === 'tidied') await closeWhenOver(intentId, attempt, attemptsBefore)
      outcomes.inc({ outcome })
      return outcome
    } catch (error) {
      failed(imageId, error)
      return 'failed'
    }
  }

  /** Nothing is over for good before other attempts of that time are, whose objects were left alone. */
  async function closeWhenOver(intentId: string, attempt: string, attemptsBefore: number): Promise<void> {
    const startedAt = startOf(attempt)
    if (startedAt === null || startedAt < attemptsBefore) return metadata.closeIntent(intentId)
    const overAt = startedAt + attemptSecondsMax * 1000
    await metadata.openIntent({ id: intentId, dueAt: new Date(overAt).toISOString() })
  }

  return { tidyImage, finish, sweepIntents }
}

async function keysWhere(keys: AsyncIterable<string>, test: (key: string) => boolean): Promise<string[]> {
  const found: string[] = []
  for await (const key of keys) if (test(key)) found.push(key)
  return found
}
