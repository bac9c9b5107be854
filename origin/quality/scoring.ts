import type { Picture } from './picture.ts'
import { ssimulacra2 } from './ssimulacra2.ts'

/** Gives the SSIMULACRA2 of a picture beside the one that it was made from. */
export type Score = (original: Picture, distorted: Picture) => Promise<number>

/** In this thread, which does nothing else for some 0.2 s: for a process that serves nobody meanwhile. */
export const scoreHere: Score = async (original, distorted) => ssimulacra2(original, distorted)
