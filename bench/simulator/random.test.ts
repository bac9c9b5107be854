import { describe, expect, it } from 'vitest'
import { createPicker, createRandom, zipfWeights } from './random.ts'

describe('createRandom', () => {
  it('repeats itself for the same seed, and for no other', () => {
    const sequence = (seed: number) => Array.from({ length: 5 }, createRandom(seed))
    expect(sequence(7)).toEqual(sequence(7))
    expect(sequence(7)).not.toEqual(sequence(8))
  })

  it('spreads evenly from 0 to 1', () => {
    const random = createRandom(1)
    const tenths = Array.from({ length: 10 }, () => 0)
    for (let draw = 0; draw < 100_000; draw++) tenths[Math.floor(random() * 10)]!++
    for (const count of tenths) expect(count / 10_000).toBeCloseTo(1, 1)
  })
})

describe('createPicker', () => {
  it.each([[[1]], [[1, 3]], [[5, 0, 1, 2]], [[0.1, 0.1, 0.1, 10]], [zipfWeights(50, 0.8)]])(
    'draws each index as often as its weight says: %j',
    (weights) => {
      const pick = createPicker(weights)
      const draws = 200_000
      const counts = weights.map(() => 0)
      // Evenly spaced numbers in place of random ones: the frequencies come out exactly.
      for (let draw = 0; draw < draws; draw++) counts[pick(() => (draw + 0.5) / draws)]!++
      const total = weights.reduce((sum, weight) => sum + weight, 0)
      weights.forEach((weight, index) => expect(counts[index]! / draws).toBeCloseTo(weight / total, 3))
    },
  )

  it('refuses weights that leave nothing to draw', () => {
    expect(() => createPicker([0, 0])).toThrow(RangeError)
    expect(() => createPicker([])).toThrow(RangeError)
  })
})

it('gives rank n a weight of 1 / n^exponent', () => {
  expect(zipfWeights(4, 0.5)).toEqual([1, 1 / Math.SQRT2, 1 / Math.sqrt(3), 0.5])
})
