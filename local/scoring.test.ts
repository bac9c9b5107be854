import { readFile } from 'node:fs/promises'
import { afterEach, describe, expect, it } from 'vitest'
import type { Picture } from '../origin/quality/picture.ts'
import { scoreHere } from '../origin/quality/scoring.ts'
import { loadSharp } from '../runtime/sharp.ts'
import { photographs } from './photographs.ts'
import { startScoring } from './scoring.ts'

let scoring: ReturnType<typeof startScoring>

afterEach(() => scoring.stop())

async function pictureAt(quality: number): Promise<Picture> {
  const sharp = await loadSharp()
  const resized = await sharp(await readFile(photographs[0]!.path))
    .resize(200)
    .jpeg({ quality })
    .toBuffer()
  const { data, info } = await sharp(resized).raw().toBuffer({ resolveWithObject: true })
  return { width: info.width, height: info.height, pixels: data }
}

describe('the thread that scores', () => {
  it('gives the scores that this one would, of many at once', async () => {
    scoring = startScoring()
    const original = await pictureAt(100)
    const others = await Promise.all([20, 50, 80].map(pictureAt))
    const scores = await Promise.all(others.map(scoring.openScorer(original)))
    expect(scores).toEqual(await Promise.all(others.map(scoreHere(original))))
  })

  it('does not take one original for another', async () => {
    scoring = startScoring()
    const [sharp, coarse] = await Promise.all([pictureAt(100), pictureAt(20)])
    const [bySharp, byCoarse] = [scoring.openScorer(sharp!), scoring.openScorer(coarse!)]
    const scores = await Promise.all([bySharp(coarse!), byCoarse(coarse!), bySharp(sharp!), bySharp(coarse!)])
    expect(scores).toEqual([scores[3], 100, 100, await scoreHere(sharp!)(coarse!)])
  })

  it('says what is wrong, goes on after that, and starts again after it was stopped', async () => {
    scoring = startScoring()
    const original = await pictureAt(100)
    const small = { width: 8, height: 8, pixels: new Uint8Array(192) }
    await expect(scoring.openScorer(original)(small)).rejects.toThrow('be compared')
    expect(await scoring.openScorer(original)(original)).toBe(100)
    await scoring.stop()
    expect(await scoring.openScorer(original)(original)).toBe(100)
  })
})
