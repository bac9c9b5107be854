import { describe, expect, it } from 'vitest'
import { aspectRatios, bandOf, nearestRatio, rungs, snapUp } from './ladder.ts'

describe('the ladder', () => {
  it('is geometric: each rung is 1.25 x the one before, through 640, rounded up to a multiple of 8', () => {
    const formula = rungs.map((_, i) => Math.ceil((640 * 1.25 ** (i - rungs.indexOf(640))) / 8 - 1e-9) * 8)
    expect(rungs).toEqual(formula)
  })

  it('snaps every width up to the nearest rung, and never above the ladder', () => {
    for (let width = 1; width <= 8192; width++) {
      const rung = snapUp(width)
      expect(rungs).toContain(rung)
      if (width <= rungs.at(-1)!) expect(rung).toBeGreaterThanOrEqual(width)
      expect(rungs.filter((other) => other >= width && other < rung)).toEqual([])
    }
  })
})

describe('nearestRatio', () => {
  it.each(aspectRatios)('finds %s itself', (ratio) => {
    const [width, height] = ratio.split(':').map(Number) as [number, number]
    expect(nearestRatio(width / height)).toBe(ratio)
  })

  it.each([
    [100, '21:9'],
    [1.41, '4:3'],
    [1.43, '3:2'],
    [0.001, '1:2'],
  ])('%d is nearest to %s', (value, ratio) => {
    expect(nearestRatio(value)).toBe(ratio)
  })
})

describe('bandOf', () => {
  it('is monotonous and has all three bands', () => {
    const bands = Array.from({ length: 100 }, (_, i) => bandOf(i + 1))
    expect(bands).toEqual(bands.toSorted())
    expect(new Set(bands)).toEqual(new Set([1, 2, 3]))
  })
})
