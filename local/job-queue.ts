import { createHash } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { z } from 'zod'
import { Job, type JobQueue } from '../core/job-queue.ts'
import { DurableFiles, readJsonDocuments } from './durable-files.ts'

/** Tries of one job, as many as the deployed queue gives it. */
const attemptsMax = 5
const backOffMsMin = 1_000
const backOffMsMax = 60_000

export interface LocalJobQueue extends JobQueue {
  /** Begins to do the jobs, one at a time, those of an earlier process too. */
  start(work: (job: Job) => Promise<unknown>): void
  /** How many jobs are still to do, and how many were given up. */
  counts(): { waiting: number; dead: number }
  /** Takes no further job, and resolves when the one under way has ended; the others stay for the next process. */
  stop(): Promise<void>
}

export interface LocalJobQueueOptions {
  /** Made where it is not there; holds a file for each job. */
  dir: string
  log: Logger
  /** Milliseconds since the epoch. */
  now?: () => number
  /** From 0 to 1: spreads the waits between tries. */
  random?: () => number
}

const Entry = z.object({ job: Job, attempts: z.number().int(), notBefore: z.number() })
type Entry = z.infer<typeof Entry>

/**
 * The queue of jobs of one machine: a file for each job, so that none is lost with the process. A job that is sent
 * again while it waits is one job. One that fails is tried again after a while, at last it is moved to `dead/`.
 */
export async function openJobQueue(options: LocalJobQueueOptions): Promise<LocalJobQueue> {
  const { dir, log, now = Date.now, random = Math.random } = options
  const deadDir = join(dir, 'dead')
  await mkdir(deadDir, { recursive: true })
  const files = await DurableFiles.open(join(dir, 'tmp'), true)
  const waiting = new Map<string, Entry>()
  let dead = (await readJsonDocuments(deadDir)).length
  const stopping = new AbortController()
  let loop: Promise<void> = Promise.resolve()
  /** The file of the job that ended last is on its way out. */
  let leaving: Promise<void> = Promise.resolve()
  let wake = (): void => {}

  for (const { fileName, document } of await readJsonDocuments(dir)) await restore(fileName, document)

  return {
    async send(jobs) {
      await Promise.all(jobs.map((job) => write(idOf(job), { job, attempts: 0, notBefore: 0 })))
      wake()
    },
    start(work) {
      loop = workUntilStopped(work)
    },
    counts: () => ({ waiting: waiting.size, dead }),
    async stop() {
      stopping.abort()
      wake()
      await loop
    },
  }

  async function restore(fileName: string, document: unknown): Promise<void> {
    const entry = Entry.safeParse(document)
    if (entry.success) return void waiting.set(fileName.replace(/\.json$/, ''), entry.data)
    log.error({ fileName, err: entry.error }, 'job cannot be read')
    await files.moveDurably(join(dir, fileName), join(deadDir, fileName))
    dead++
  }

  async function write(id: string, entry: Entry): Promise<void> {
    // In the map first: a job that ends while this is being written must not take the new file with it.
    waiting.set(id, entry)
    await leaving
    await files.writeJson(pathOf(id), entry)
  }

  async function workUntilStopped(work: (job: Job) => Promise<unknown>): Promise<void> {
    while (!stopping.signal.aborted) {
      const next = firstDue()
      if (next === null) await pause()
      else await attempt(next.id, next.entry, work)
    }
  }

  function firstDue(): { id: string; entry: Entry } | null {
    const at = now()
    for (const [id, entry] of waiting) if (entry.notBefore <= at) return { id, entry }
    return null
  }

  /** Until a job is sent, the first one that waits is due, or the queue is stopped. */
  function pause(): Promise<void> {
    const dueIn = Math.min(...[...waiting.values()].map(({ notBefore }) => notBefore - now()), backOffMsMax)
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, dueIn)
      timer.unref()
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  async function attempt(id: string, entry: Entry, work: (job: Job) => Promise<unknown>): Promise<void> {
    const outcome = await work(entry.job).then(
      () => null,
      (error: unknown) => ({ error }),
    )
    // Sent again meanwhile: what it is about has changed since it was begun.
    if (waiting.get(id) !== entry) return
    try {
      if (outcome === null) await remove(id, files.removeDocument(pathOf(id)))
      else await failed(id, entry, outcome.error)
    } catch (error) {
      log.error({ err: error, job: entry.job }, 'the end of a job could not be noted down')
      waiting.set(id, { ...entry, notBefore: now() + backOffMsMax })
    }
  }

  /** A job that is sent while the file of its namesake leaves is written after that. */
  async function remove(id: string, fileLeaves: Promise<void>): Promise<void> {
    waiting.delete(id)
    leaving = fileLeaves.catch(() => {})
    await fileLeaves
  }

  async function failed(id: string, entry: Entry, error: unknown): Promise<void> {
    const attempts = entry.attempts + 1
    if (attempts < attemptsMax) {
      log.warn({ err: error, job: entry.job, attempts }, 'job failed, will be tried again')
      return write(id, { ...entry, attempts, notBefore: now() + backOff(attempts) })
    }
    log.error({ err: error, job: entry.job, attempts }, 'job failed too often and was given up')
    dead++
    await remove(id, files.moveDurably(pathOf(id), join(deadDir, `${id}.json`)))
  }

  /** Full jitter: anything up to a bound that doubles with every try. */
  function backOff(attempts: number): number {
    return random() * Math.min(backOffMsMax, backOffMsMin * 2 ** attempts)
  }

  function pathOf(id: string): string {
    return join(dir, `${id}.json`)
  }
}

function idOf(job: Job): string {
  return createHash('sha256')
    .update(JSON.stringify(Job.parse(job)))
    .digest('hex')
    .slice(0, 32)
}
