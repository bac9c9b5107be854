import type { Logger } from 'pino'

/** Work that goes on after its request was answered. */
export interface Background {
  /** Takes over a task; its failure is logged, never thrown. */
  run(task: Promise<unknown>): void
  /** Resolves when nothing is left to do, tasks begun meanwhile included. */
  drain(): Promise<void>
}

/** Keeps track of background work, so that a host can wait for it before it freezes or ends the process. */
export function createBackground(log: Logger): Background {
  const tasks = new Set<Promise<unknown>>()
  return {
    run(task) {
      const tracked: Promise<unknown> = task
        .catch((error: unknown) => log.error({ err: error }, 'background task failed'))
        .finally(() => tasks.delete(tracked))
      tasks.add(tracked)
    },
    async drain() {
      while (tasks.size > 0) await Promise.all(tasks)
    },
  }
}
