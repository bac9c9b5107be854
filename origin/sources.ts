import type { Logger } from 'pino'
import type sharp from 'sharp'
import type { ImageRecord } from '../core/image.ts'
import type { Size } from '../core/image-url.ts'
import type { StoredObject } from '../core/object-store.ts'
import { focusOf, geometryOf } from './geometry.ts'
import { imageNotFound } from './image-not-found.ts'
import { checkBytes, type Limits } from './limits.ts'
import { isLargerThan, makeMaster, masterKey, masterSizeOf } from './master.ts'
import type { Originals, Variants } from './ports.ts'
import { isUnreadable, type Source } from './render.ts'
import type { Keep } from './keep.ts'
import type { RenderQueue } from './render-queue.ts'

/** Each holds the bytes of its original until its turn comes. */
const mastersUnderwayMax = 2

export interface SourcesDependencies {
  originals: Originals
  variants: Variants
  loadSharp: () => Promise<typeof sharp>
  limits: Limits
  log: Logger
  background: (task: Promise<unknown>) => void
  inRenderQueue: RenderQueue
  /** Stores what was made from an original beside the variants. */
  keep: Keep
}

export type Sources = ReturnType<typeof createSources>

/** Where renders start from. */
export function createSources(dependencies: SourcesDependencies) {
  const { originals, variants, loadSharp, limits, log, background, inRenderQueue, keep } = dependencies
  /** Keys of the masters that are being made: the first renders of an image come in a bunch. */
  const mastersUnderway = new Set<string>()

  /**
   * Works with the smallest stored source that is larger than the variant: the master if there is one, else the
   * original. A master that cannot be decoded is removed, so that the next render makes a new one, and the work is done
   * with the original.
   *
   * @throws Problem IMAGE_NOT_FOUND 404 if there is no original, SOURCE_TOO_LARGE 422; what `work` throws
   */
  async function using<Result>(
    record: ImageRecord,
    size: Size,
    work: (source: Source) => Promise<Result>,
  ): Promise<Result> {
    const master = await loadMaster(record, size)
    if (master === null) return work(await loadOriginal(record))
    try {
      return await work(master)
    } catch (error) {
      if (!isUnreadable(error)) throw error
      log.error({ err: error, imageId: record.id, key: masterKey(record) }, 'master cannot be decoded')
      await variants.delete([masterKey(record)])
      return work(await loadOriginal(record))
    }
  }

  async function loadMaster(record: ImageRecord, size: Size): Promise<Source | null> {
    const masterSize = masterSizeOf(record)
    if (masterSize === null) return null
    const originalSize = { width: record.width!, height: record.height! }
    const { scaled } = geometryOf(originalSize, size, focusOf(record))
    if (!isLargerThan(masterSize, scaled)) return null
    const master = await variants.get(masterKey(record))
    return master === null ? null : { kind: 'master', bytes: await bytesOf(master), originalSize }
  }

  async function loadOriginal(record: ImageRecord): Promise<Source> {
    const original = await originals.get(record.s3Key)
    if (original === null) throw imageNotFound()
    try {
      checkBytes(original.size, limits)
    } catch (error) {
      await original.body.cancel()
      throw error
    }
    return { kind: 'original', bytes: await bytesOf(original) }
  }

  /** Makes the master of a large original while its bytes are at hand, after the viewer has got an answer. */
  function makeMasterLater(record: ImageRecord, { bytes }: Source): void {
    const size = masterSizeOf(record)
    const key = masterKey(record)
    if (size === null || mastersUnderway.has(key) || mastersUnderway.size >= mastersUnderwayMax) return
    mastersUnderway.add(key)
    background(
      inRenderQueue(async () => {
        // A sibling may have made it before this render had begun.
        if ((await variants.head(key)) !== null) return
        const master = await makeMaster(await loadSharp(), bytes, size, limits)
        if (master !== null) await keep(record, key, master, 'image/jpeg')
      })
        // A missing master costs CPU, no picture: the next render from the original tries again.
        .catch((error: unknown) => log.warn({ err: error, imageId: record.id }, 'master could not be made'))
        .finally(() => mastersUnderway.delete(key)),
    )
  }

  return { using, makeMasterLater }
}

async function bytesOf({ body }: StoredObject): Promise<Uint8Array> {
  return new Uint8Array(await new Response(body).arrayBuffer())
}
