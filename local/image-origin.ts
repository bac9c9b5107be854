import { join } from 'node:path'
import { createRequestListener } from '@remix-run/node-fetch-server'
import { askedWidthOf, queryParametersOf } from '../core/asked-width.ts'
import { parseCanonicalPath } from '../core/image-url.ts'
import type { JobQueue } from '../core/job-queue.ts'
import type { Ledger } from '../core/ledger.ts'
import { createJobs, type JobsDependencies } from '../origin/jobs.ts'
import { createRequestCounts } from '../origin/request-counts.ts'
import { createServeImage } from '../origin/serve-image.ts'
import type { LoggedAnswer } from './edge/edge-server.ts'
import { listen } from './http-server.ts'
import { openJobQueue } from './job-queue.ts'
import { startLoop } from './loop.ts'
import { startScoring } from './scoring.ts'

const flushPauseMs = 5_000

export interface ImageOrigin {
  url: string
  queue: JobQueue
  /** Counts an answer of the edge. */
  onAnswer(answer: LoggedAnswer): void
}

export type ImageOriginOptions = Omit<JobsDependencies, 'counts' | 'openScorer'> & {
  ledger: Ledger
  /** Absolute path of the folder that keeps all data. */
  dataDir: string
  /** Takes what ends a part; it is called last in, first out. */
  onStop: (close: () => Promise<void>) => void
}

/** Starts the image origin behind an address of its own, and what works beside it: the ledger's counts and the jobs. */
export async function startImageOrigin(options: ImageOriginOptions): Promise<ImageOrigin> {
  const { ledger, dataDir, log, onStop } = options
  const queue = await openJobQueue({ dir: join(dataDir, 'jobs'), log })
  const counts = createRequestCounts({ ...options, ledger, queue, now: Date.now })
  onStop(counts.flush)
  onStop(startLoop('counting requests', flushPauseMs, counts.flush, log))

  const serve = createServeImage({ ...options, counts })
  const { close, port } = await listen(createRequestListener(serve), 0, '127.0.0.1')
  onStop(close)
  const scoring = startScoring()
  onStop(scoring.stop)
  queue.start(createJobs({ ...options, counts, openScorer: scoring.openScorer }))
  onStop(queue.stop)

  return {
    url: `http://127.0.0.1:${port}`,
    queue,
    onAnswer({ url, key, status, outcome, bytes }) {
      const variant = status === 200 ? parseCanonicalPath(key) : null
      if (variant === null) return
      const askedWidth = askedWidthOf(queryParametersOf(url.split('?', 2)[1] ?? ''))
      counts.answered({ variant, askedWidth, bytes, hit: outcome !== 'Miss' })
    },
  }
}
