import type { Logger } from 'pino'
import { Counter, type Registry } from 'prom-client'
import type { Job, JobQueue } from '../core/job-queue.ts'
import { addCounts, type AskedWidth, type Counts, type Ledger, noCounts } from '../core/ledger.ts'
import { type Variant, variantKey } from '../core/image-url.ts'

/**
 * From so many requests on, a variant is popular: encoding it thoroughly costs about 0.25 s of CPU more, some $ 6e-6,
 * and saves each later viewer a tenth of some 40 kB, about $ 4e-7 of CloudFront's transfer. That pays after 15
 * requests; a browser's cache hides as many again, and the rest is for those that end just above.
 */
const popularRequestsMin = 50

/** So many variants are counted in memory before they are written whatever the time. */
const variantsMax = 5_000

export interface RequestCountsDependencies {
  ledger: Pick<Ledger, 'add'>
  /** Null where renders alone are counted: requests make a variant popular. */
  queue: JobQueue | null
  /** Milliseconds since the epoch. */
  now: () => number
  log: Logger
  metrics: Registry
  background: (task: Promise<unknown>) => void
}

/** A request that got an image from the CDN. */
export interface AnsweredRequest {
  variant: Variant
  /** Pixels that the URL asked for; null where it named none. */
  askedWidth: number | null
  bytes: number
  /** Whether it was answered from a cache. */
  hit: boolean
}

export type RequestCounts = ReturnType<typeof createRequestCounts>

/**
 * Gathers what is to be counted and writes it to the ledger at every `flush`, which the host calls every few seconds
 * or at the end of an invocation. What proves popular on the way is queued for a better encoding.
 *
 * Nothing here fails a request: counts that can't be written are given up, logged and counted themselves.
 */
export function createRequestCounts(dependencies: RequestCountsDependencies) {
  const { ledger, queue, now, log, background } = dependencies
  const failures = failureCounter(dependencies.metrics)
  let gathered = new Map<string, Counts & { variant: Variant }>()
  let asked = new Map<number, number>()

  /** Counts a render and what it took. */
  function rendered(variant: Variant, renderMs: number): void {
    gather(variant, { ...noCounts, renders: 1, renderMs })
  }

  function answered({ variant, askedWidth, bytes, hit }: AnsweredRequest): void {
    gather(variant, { ...noCounts, requests: 1, hits: hit ? 1 : 0, bytes })
    if (askedWidth !== null) asked.set(askedWidth, (asked.get(askedWidth) ?? 0) + 1)
  }

  function gather(variant: Variant, counts: Counts): void {
    const key = variantKey(variant)
    gathered.set(key, { variant, ...addCounts(gathered.get(key) ?? noCounts, counts) })
    if (gathered.size >= variantsMax) background(flush())
  }

  async function flush(): Promise<void> {
    const variants = [...gathered.values()]
    const widths: AskedWidth[] = [...asked].map(([width, requests]) => ({ width, requests }))
    gathered = new Map()
    asked = new Map()
    if (variants.length === 0) return
    try {
      const day = new Date(now()).toISOString().slice(0, 10)
      const totals = await ledger.add({ day, variants, asked: widths })
      await queueUpgrades(
        variants
          .filter(({ requests }, at) => hasBecomePopular(totals[at]! - requests, totals[at]!))
          .map(({ variant }) => variant),
      )
    } catch (error) {
      failures.inc()
      log.warn({ err: error, variants: variants.length }, 'requests could not be counted')
    }
  }

  /** A job that can't be queued now is asked for again when the variant has twice as many requests. */
  async function queueUpgrades(popular: readonly Variant[]): Promise<void> {
    const jobs = popular
      .filter(({ format }) => format === 'avif')
      .map((variant): Job => ({ kind: 'upgrade', path: `/${variantKey(variant)}` }))
    if (queue === null || jobs.length === 0) return
    try {
      await queue.send(jobs)
    } catch (error) {
      failures.inc()
      log.warn({ err: error, jobs: jobs.length }, 'popular variants could not be queued')
    }
  }

  return { rendered, answered, flush }
}

/** Whether a count has passed the least one of a popular variant, or any doubling of it. */
export function hasBecomePopular(before: number, after: number): boolean {
  return doublings(after) > doublings(before)
}

function doublings(requests: number): number {
  return requests < popularRequestsMin ? 0 : Math.floor(Math.log2(requests / popularRequestsMin)) + 1
}

function failureCounter(registry: Registry): Counter {
  const name = 'tintype_count_failures_total'
  const known = registry.getSingleMetric(name) as Counter | undefined
  const help = 'Counts of requests, and jobs for popular variants, that could not be written'
  return known ?? new Counter({ name, help, registers: [registry] })
}
