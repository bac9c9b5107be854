import * as z from 'zod'

/** Work that no viewer waits for. Each job may be done twice: whoever does one looks first whether it is still to do. */
export const Job = z.discriminatedUnion('kind', [
  /** Encode a stored variant that proved popular again, more thoroughly. `path` is canonical. */
  z.object({ kind: z.literal('upgrade'), path: z.string() }),
  /** Make and store variants of an image before anyone asks for them. */
  z.object({ kind: z.literal('prerender'), imageId: z.string(), rungs: z.enum(['hot', 'all']) }),
])
export type Job = z.infer<typeof Job>

/** Port to the queue of jobs. */
export interface JobQueue {
  /**
   * Adds jobs, which will be done at least once each, in any order; they are durable when the promise resolves.
   *
   * @throws Error if not all of them could be added
   */
  send(jobs: readonly Job[]): Promise<void>
}
