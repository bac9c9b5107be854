import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { build } from 'esbuild'
import pLimit from 'p-limit'
import type { Picture } from '../origin/quality/picture.ts'
import type { OpenScorer } from '../origin/quality/scoring.ts'
import type { ScoreRequest } from './score-worker.ts'

type Reply = { score: number } | { error: Error }

/**
 * Scores pictures in a thread of its own, one pair at a time, since this one answers viewers: each score would keep them
 * waiting for some 0.2 s. The thread is started by the first score.
 */
export function startScoring(): { openScorer: OpenScorer; stop: () => Promise<void> } {
  const oneAtATime = pLimit(1)
  let worker: Worker | null = null
  /** The original that the thread knows. */
  let known: Picture | null = null

  async function open(): Promise<Worker> {
    worker = new Worker(await compiled('score-worker.ts'), { eval: true })
    // Nobody waits for it: the process may end. While it scores, `once` below waits for its answer.
    worker.unref()
    worker.once('exit', () => (worker = known = null))
    return worker
  }

  return {
    openScorer: (original) => (distorted) =>
      oneAtATime(async () => {
        const thread = worker ?? (await open())
        const request: ScoreRequest = original === known ? { distorted } : { original, distorted }
        known = null
        thread.postMessage(request)
        const [reply] = (await once(thread, 'message')) as [Reply]
        if ('error' in reply) throw reply.error
        known = original
        return reply.score
      }),
    async stop() {
      await worker?.terminate()
    },
  }
}

/** A thread has no loader for TypeScript of its own. */
async function compiled(file: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(file, import.meta.url))],
    bundle: true,
    platform: 'node',
    write: false,
  })
  return outputFiles[0]!.text
}
