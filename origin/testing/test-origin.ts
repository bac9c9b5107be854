import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import pino from 'pino'
import { Registry } from 'prom-client'
import { newRecord } from '../../api/new-record.ts'
import type { ImageRecord } from '../../core/image.ts'
import type { Job } from '../../core/job-queue.ts'
import type { MetadataStore } from '../../core/metadata-store.ts'
import type { ObjectStore } from '../../core/object-store.ts'
import { photographs } from '../../local/photographs.ts'
import { startTestS3 } from '../../local/testing/test-s3.ts'
import { createTestTable } from '../../local/testing/test-table.ts'
import { type Background, createBackground } from '../../runtime/background.ts'
import { loadSharp } from '../../runtime/sharp.ts'
import { createDynamoMetadataStore } from '../../stores/dynamo-metadata-store.ts'
import { createS3ObjectStore } from '../../stores/s3-object-store.ts'
import { defaultLimits } from '../limits.ts'
import { createJobs, type JobsDependencies } from '../jobs.ts'
import { scoreHere } from '../quality/scoring.ts'
import { createServeImage, type ServeImageDependencies } from '../serve-image.ts'

/** A real photograph of 1024 x 750, and what follows from its bytes. */
export const photograph = readFileSync(photographs[0]!.path)
const sha256 = createHash('sha256').update(photograph).digest('hex')
export const rev = sha256.slice(0, 8)

export const silent = pino({ level: 'silent' })

export type OriginWorld = Awaited<ReturnType<typeof createOriginWorld>>
export type TestOrigin = ReturnType<OriginWorld['newOrigin']>

/** Buckets and a table that origins under test share. */
export async function createOriginWorld() {
  const s3 = await startTestS3()
  const emptyBucket = async (): Promise<ObjectStore> =>
    createS3ObjectStore({ client: s3.client, bucket: await s3.createBucket() })
  const originals = await emptyBucket()
  const variants = await emptyBucket()
  const records = await createTestTable()
  const metadata: MetadataStore = createDynamoMetadataStore(records)
  let serial = 0

  /** An origin of its own, with counters that start at zero. */
  function newOrigin(overrides: Partial<ServeImageDependencies> = {}) {
    const background: Background = createBackground(silent)
    const metrics = new Registry()
    const serve = createServeImage({
      originals,
      variants,
      metadata,
      loadSharp,
      limits: defaultLimits,
      log: silent,
      metrics,
      background: background.run,
      counts: { rendered: () => {} },
      ...overrides,
    })
    return {
      get: (path: string, init?: RequestInit) => serve(new Request(`http://origin.test${path}`, init)),
      settled: () => background.drain(),
      async renders(): Promise<number> {
        const { values } = await metrics.getSingleMetric('tintype_renders_total')!.get()
        return values.reduce((sum, { value }) => sum + value, 0)
      },
      /** Renders by what they started from. */
      async sources(): Promise<Record<string, number>> {
        const { values } = await metrics.getSingleMetric('tintype_render_duration_seconds')!.get()
        const counts = values.filter(
          (each) => 'metricName' in each && String(each.metricName).endsWith('_count'),
        )
        return Object.fromEntries(counts.map(({ labels, value }) => [labels['source'], value]))
      },
      async outcomes(): Promise<Record<string, number>> {
        const { values } = await metrics.getSingleMetric('tintype_origin_requests_total')!.get()
        return Object.fromEntries(values.map(({ labels, value }) => [labels['outcome'], value]))
      },
    }
  }

  /** Does jobs beside the origins. */
  function newJobs(overrides: Partial<JobsDependencies> = {}) {
    const background: Background = createBackground(silent)
    const metrics = new Registry()
    const perform = createJobs({
      originals,
      variants,
      metadata,
      loadSharp,
      limits: defaultLimits,
      counts: { rendered: () => {} },
      openScorer: scoreHere,
      log: silent,
      metrics,
      background: background.run,
      ...overrides,
    })
    return {
      async perform(job: Job): Promise<void> {
        await perform(job)
        await background.drain()
      },
      async outcomes(): Promise<Record<string, number>> {
        const { values } = await metrics.getSingleMetric('tintype_jobs_total')!.get()
        return Object.fromEntries(values.map(({ labels, value }) => [labels['outcome'], value]))
      },
    }
  }

  async function newImage(
    changes: Partial<ImageRecord> = {},
    bytes: Buffer = photograph,
  ): Promise<ImageRecord> {
    const id = `01JD0R3XW6ZQJ5Y5T1V9${String(++serial).padStart(6, '0')}`
    const record = newRecord(new Date().toISOString(), {
      id,
      userId: 'user-1',
      originalFilename: 'canyon.jpg',
      mimeType: 'image/jpeg',
      fileSize: bytes.length,
      width: 1024,
      height: 750,
      s3Key: `o/${id}/original.jpg`,
      s3Bucket: originals.bucket,
      sha256,
      rev,
      ...changes,
    })
    await originals.put(record.s3Key, bytes, { contentType: record.mimeType })
    await metadata.create(record)
    return record
  }

  async function keysOf(id: string): Promise<string[]> {
    const keys: string[] = []
    for await (const key of variants.list(`v/${id}/`)) keys.push(key)
    return keys
  }

  return {
    s3,
    table: records.table,
    originals,
    variants,
    metadata,
    emptyBucket,
    newOrigin,
    newJobs,
    newImage,
    keysOf,
    stop: () => s3.stop(),
  }
}
