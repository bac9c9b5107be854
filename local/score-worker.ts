import { parentPort } from 'node:worker_threads'
import type { Picture } from '../origin/quality/picture.ts'
import { ssimulacra2 } from '../origin/quality/ssimulacra2.ts'

/* The thread behind `startScoring`: answers each pair of pictures with its score, or with why it has none. */
parentPort!.on('message', ({ original, distorted }: Record<'original' | 'distorted', Picture>) => {
  try {
    parentPort!.postMessage({ score: ssimulacra2(original, distorted) })
  } catch (error) {
    parentPort!.postMessage({ error })
  }
})
