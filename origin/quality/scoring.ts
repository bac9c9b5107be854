import type { Picture } from './picture.ts'
import { createScorer } from './ssimulacra2.ts'

/** Takes a picture, and gives a function that tells the SSIMULACRA2 of others that were made from it. */
export type OpenScorer = (original: Picture) => (distorted: Picture) => Promise<number>

/** In this thread, which does nothing else for some 0.2 s a score: for a process that serves nobody meanwhile. */
export const scoreHere: OpenScorer = (original) => {
  const score = createScorer(original)
  return async (distorted) => score(distorted)
}
