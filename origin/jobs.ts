import type { Logger } from 'pino'
import { Counter, type Registry } from 'prom-client'
import type sharp from 'sharp'
import type { Job } from '../core/job-queue.ts'
import type { MetadataStore } from '../core/metadata-store.ts'
import type { ObjectStore } from '../core/object-store.ts'
import { createKeep } from './keep.ts'
import type { Limits } from './limits.ts'
import { createOriginMetrics } from './metrics.ts'
import { createPrerender } from './prerender.ts'
import { createRenderQueue } from './render-queue.ts'
import type { OpenScorer } from './quality/scoring.ts'
import type { RequestCounts } from './request-counts.ts'
import { createSources } from './sources.ts'
import { createTunedQualities } from './tuned-qualities.ts'
import { createUpgrade } from './upgrade.ts'

export interface JobsDependencies {
  originals: ObjectStore
  variants: ObjectStore
  metadata: MetadataStore
  loadSharp: () => Promise<typeof sharp>
  limits: Limits
  counts: Pick<RequestCounts, 'rendered'>
  openScorer: OpenScorer
  log: Logger
  metrics: Registry
  background: (task: Promise<unknown>) => void
}

/**
 * Gives a function that does one job. A job that was done before, or whose image is gone, is done by nothing.
 *
 * The function rejects where a job should be tried again: a store is down, or the original cannot be decoded.
 */
export function createJobs(dependencies: JobsDependencies): (job: Job) => Promise<void> {
  const metrics = createOriginMetrics(dependencies.metrics)
  const outcomes = jobCounter(dependencies.metrics)
  const keep = createKeep({ ...dependencies, metrics })
  const inRenderQueue = createRenderQueue(dependencies.limits)
  const sources = createSources({ ...dependencies, keep, inRenderQueue })
  const tunedQualities = createTunedQualities(dependencies)
  const upgrade = createUpgrade({ ...dependencies, sources, tunedQualities })
  const prerender = createPrerender({ ...dependencies, sources, tunedQualities, keep })

  async function perform(job: Job): Promise<string> {
    switch (job.kind) {
      case 'upgrade':
        return upgrade(job.path)
      case 'prerender':
        return (await prerender(job.imageId, job.rungs)) > 0 ? 'prerendered' : 'final'
    }
  }

  return async (job) => {
    try {
      outcomes.inc({ kind: job.kind, outcome: await perform(job) })
    } catch (error) {
      outcomes.inc({ kind: job.kind, outcome: 'failed' })
      throw error
    }
  }
}

function jobCounter(registry: Registry): Counter<'kind' | 'outcome'> {
  return new Counter({
    name: 'tintype_jobs_total',
    help: 'Background jobs by what they did: upgraded, prerendered, final or gone (nothing to do), failed',
    labelNames: ['kind', 'outcome'],
    registers: [registry],
  })
}
