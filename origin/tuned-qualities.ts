import type { Logger } from 'pino'
import * as z from 'zod/mini'
import type { ImageRecord } from '../core/image.ts'
import { settingsVersion, type TunedQualities } from './encoders.ts'
import type { Variants } from './ports.ts'

const StoredQualities = z.object({
  settingsVersion: z.number(),
  qualities: z.partial(z.object({ avif: z.number(), webp: z.number(), jpeg: z.number() })),
})

export interface TunedQualitiesDependencies {
  variants: Variants
  log: Logger
}

export type TunedQualitiesOfImages = ReturnType<typeof createTunedQualities>

/** The qualities found for each image; they lie beside its master, and go with it. */
export function createTunedQualities({ variants, log }: TunedQualitiesDependencies) {
  /** Null where none were found yet, or with other settings. Never throws: the usual qualities always do. */
  async function load(record: ImageRecord): Promise<TunedQualities | null> {
    if (record.rev === null) return null
    try {
      const stored = await variants.get(keyOf(record))
      if (stored === null) return null
      const found = StoredQualities.parse(await new Response(stored.body).json())
      return found.settingsVersion === settingsVersion ? found.qualities : null
    } catch (error) {
      log.warn({ err: error, imageId: record.id }, 'the qualities of an image cannot be read')
      return null
    }
  }

  async function save(record: ImageRecord, qualities: TunedQualities): Promise<void> {
    const document = Buffer.from(JSON.stringify({ settingsVersion, qualities }))
    await variants.put(keyOf(record), document, { contentType: 'application/json' })
  }

  return { load, save }
}

function keyOf({ id, rev }: ImageRecord): string {
  return `m/${id}/${rev}.json`
}
