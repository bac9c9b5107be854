import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { build } from 'esbuild'
import pLimit from 'p-limit'
import type { Score } from '../origin/quality/scoring.ts'

type Reply = { score: number } | { error: Error }

/**
 * Scores pictures in a thread of its own, one pair at a time, since this one answers viewers: each score would keep them
 * waiting for some 0.2 s. The thread is started by the first score.
 */
export function startScoring(): { score: Score; stop: () => Promise<void> } {
  const oneAtATime = pLimit(1)
  let worker: Worker | null = null

  async function open(): Promise<Worker> {
    worker = new Worker(await compiled('score-worker.ts'), { eval: true })
    // Nobody waits for it: the process may end. While it scores, `once` below waits for its answer.
    worker.unref()
    worker.once('exit', () => (worker = null))
    return worker
  }

  return {
    score: (original, distorted) =>
      oneAtATime(async () => {
        const thread = worker ?? (await open())
        thread.postMessage({ original, distorted })
        const [reply] = (await once(thread, 'message')) as [Reply]
        if ('error' in reply) throw reply.error
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
