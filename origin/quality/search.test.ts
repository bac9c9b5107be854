import { describe, expect, it } from 'vitest'
import { searchQuality } from './search.ts'

/** A picture whose score follows from the quality, and what was probed. */
function picture(scoreAt: (quality: number) => number) {
  const probed: number[] = []
  const search = (target: number, limits: { min?: number; max?: number } = {}) =>
    searchQuality({
      probe: async (quality) => {
        probed.push(quality)
        return scoreAt(quality)
      },
      start: 58,
      target,
      min: 30,
      max: 80,
      ...limits,
    })
  return { search, probed }
}

describe('the search for a quality', () => {
  it('ends at once where the usual quality does', async () => {
    const { search, probed } = picture((quality) => 70 + (quality - 58) * 0.7)
    expect(await search(70.3)).toBe(58)
    expect(probed).toEqual([58])
  })

  it.each([
    ['easy', (quality: number) => 100 - 1200 / (quality + 20)],
    ['hard', (quality: number) => 92 - 1500 / quality],
    ['steep', (quality: number) => 2 * quality - 50],
    ['flat', (quality: number) => 60 + 0.3 * (quality - 58)],
  ])('comes near the target for an %s picture with three probes', async (_, scoreAt) => {
    for (const target of [scoreAt(44), scoreAt(51), scoreAt(66), scoreAt(73)]) {
      const { search, probed } = picture(scoreAt)
      const quality = await search(target)
      expect(Math.abs(scoreAt(quality) - target)).toBeLessThan(1.2)
      expect(probed.length).toBeLessThanOrEqual(3)
    }
  })

  it('stays within the limits where the target is beyond reach', async () => {
    expect(await picture((quality) => quality / 10).search(70)).toBe(80)
    expect(await picture(() => 99).search(70)).toBe(30)
  })

  it('is not thrown off by an encoder that gets worse for a step', async () => {
    const { search } = picture((quality) => 70 + (quality - 58) * 0.7 - (quality === 65 ? 6 : 0))
    const quality = await search(75)
    expect(quality).toBeGreaterThan(60)
    expect(quality).toBeLessThanOrEqual(80)
  })
})
