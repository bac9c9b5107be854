import { parentPort } from 'node:worker_threads'
import type { Picture } from '../origin/quality/picture.ts'
import { createScorer } from '../origin/quality/ssimulacra2.ts'

/** The original comes only where it is another one than before. */
export interface ScoreRequest {
  original?: Picture
  distorted: Picture
}

let score: ((distorted: Picture) => number) | null = null

/* The thread behind `startScoring`: answers each picture with its score, or with why it has none. */
parentPort!.on('message', ({ original, distorted }: ScoreRequest) => {
  try {
    if (original !== undefined) score = createScorer(original)
    parentPort!.postMessage({ score: score!(distorted) })
  } catch (error) {
    parentPort!.postMessage({ error })
  }
})
