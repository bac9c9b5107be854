import type { Logger } from 'pino'
import type { Tidy } from '../api/tidy.ts'
import { startLoop } from './loop.ts'

const pauseMs = 60_000

/**
 * Puts in order what crashed requests left behind: all of it now, since this process is alone with its data and has
 * not taken a request yet, then every minute what has become due. Deployed, a schedule does the same.
 *
 * @returns a function that ends it, after the sweep under way
 */
export async function startTidyLoop(
  tidy: Tidy,
  startedAt: number,
  log: Logger,
): Promise<() => Promise<void>> {
  await tidy.sweepIntents({ openedBefore: startedAt })
  return startLoop('sweep', pauseMs, () => tidy.sweepIntents(), log)
}
