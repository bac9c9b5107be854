import { describe, expect, it } from 'vitest'
import { assumedCaches } from './cache-tiers.ts'
import { leverTable, mostAsked } from './levers.ts'
import { r1, scale } from './workload.ts'

const ladder = [192, 600, 1208, 3840]

describe('mostAsked', () => {
  it('names the rungs that most requests go to', () => {
    // Of R1’s viewers most see cards; nearly nobody has a screen for 3840 pixels.
    expect(mostAsked(r1, ladder, 2)).toEqual([600, 1208])
    expect(mostAsked(r1, ladder, 4)).toEqual(ladder)
  })
})

describe('leverTable', () => {
  const lines = leverTable(scale(r1, 0.005), ladder, assumedCaches, 0.5).split('\n')

  /** CDN hits, renders and warm-up renders of a lever. */
  function cellsOf(name: string): number[] {
    const cells = lines.find((line) => line.includes(`│ ${name} `))!.split('│')
    return [3, 5, 6].map((index) => Number.parseFloat(cells[index]!.replaceAll(',', '')))
  }

  it('shows fewer renders where there are fewer keys, and more where there are more', () => {
    const [, renders] = cellsOf('as it is')
    for (const name of [
      'AVIF or JPEG, no WebP',
      'every second rung for WebP and JPEG',
      'one format for all',
    ]) {
      expect(cellsOf(name)[1]).toBeLessThan(renders!)
    }
    expect(cellsOf('every fifth request for a crop or another quality')[1]).toBeGreaterThan(renders!)
  })

  it('shows what a warm-up renders beside what viewers still cause', () => {
    const [hits, renders, warmUp] = cellsOf('as it is')
    const [warmHits, warmRenders, warmWarmUp] = cellsOf('all rungs of all images in AVIF')
    expect(warmUp).toBe(0)
    expect(warmHits).toBeGreaterThan(hits!)
    expect(warmRenders).toBeLessThan(renders!)
    expect(warmWarmUp).toBeGreaterThan(0)
  })
})
