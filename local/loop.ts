import type { Logger } from 'pino'

/**
 * Does a task again and again, each time a pause after the last. A failure is logged and ends nothing.
 *
 * @returns a function that ends it, after the turn under way
 */
export function startLoop(
  name: string,
  pauseMs: number,
  task: () => Promise<unknown>,
  log: Logger,
): () => Promise<void> {
  const stopping = new AbortController()
  let turn: Promise<unknown> = Promise.resolve()
  let timer = setTimeout(doTurn, pauseMs).unref()
  function doTurn(): void {
    turn = task()
      .catch((error: unknown) => log.error({ err: error }, `${name} failed`))
      .finally(() => {
        if (!stopping.signal.aborted) timer = setTimeout(doTurn, pauseMs).unref()
      })
  }
  return async () => {
    stopping.abort()
    clearTimeout(timer)
    await turn
  }
}
