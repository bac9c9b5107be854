import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type LadderOptions, type ObservedWidth, optimalLadder, overfetchOf } from './optimal-ladder.ts'

/** Tries every ladder: of all sets of candidate rungs that hold the largest one, the least overfetch. */
function leastOverfetch(
  observed: readonly ObservedWidth[],
  { rungs, step, include = [], ratioMax = Infinity }: LadderOptions,
): number {
  const needed = [...observed.map(({ width }) => Math.ceil(width / step) * step), ...include]
  const [smallest, largest] = [Math.min(...needed), Math.max(...needed)]
  const candidates =
    ratioMax === Infinity
      ? [...new Set(needed)].filter((rung) => rung < largest)
      : Array.from({ length: (largest - smallest) / step }, (_, index) => smallest + index * step)
  let least = Infinity
  for (let chosen = 0; chosen < 1 << candidates.length; chosen++) {
    const ladder = [...candidates.filter((_, index) => (chosen >> index) & 1), largest].toSorted(
      (left, right) => left - right,
    )
    if (ladder.length > rungs || !include.every((rung) => ladder.includes(rung))) continue
    if (ladder.some((rung, index) => rung > ratioMax * (ladder[index - 1] ?? smallest))) continue
    least = Math.min(least, overfetchOf(observed, ladder))
  }
  return least
}

const widths = fc.array(
  fc.record({ width: fc.integer({ min: 1, max: 200 }), requests: fc.integer({ min: 1, max: 50 }) }),
  { minLength: 1, maxLength: 12 },
)

describe('optimalLadder', () => {
  it('is as good as the best of all ladders', () => {
    fc.assert(
      fc.property(widths, fc.integer({ min: 1, max: 7 }), fc.constantFrom(1, 8), (observed, rungs, step) => {
        const ladder = optimalLadder(observed, { rungs, step })
        expect(ladder.length).toBeLessThanOrEqual(rungs)
        expect(overfetchOf(observed, ladder)).toBeCloseTo(leastOverfetch(observed, { rungs, step }), 9)
      }),
      { numRuns: 300, seed: 1 },
    )
  })

  it('is as good as the best of all that hold the rungs that must be', () => {
    const rungsOf8 = fc.array(
      fc.integer({ min: 1, max: 25 }).map((each) => each * 8),
      { maxLength: 3 },
    )
    fc.assert(
      fc.property(widths, fc.integer({ min: 4, max: 7 }), rungsOf8, (observed, rungs, include) => {
        const options = { rungs, step: 8, include }
        const ladder = optimalLadder(observed, options)
        expect(ladder).toEqual(expect.arrayContaining(include))
        expect(overfetchOf(observed, ladder)).toBeCloseTo(leastOverfetch(observed, options), 9)
      }),
      { numRuns: 300, seed: 1 },
    )
  })

  it('is as good as the best of all whose rungs lie no further apart, or there is none', () => {
    const near = fc.array(
      fc.record({ width: fc.integer({ min: 20, max: 120 }), requests: fc.integer({ min: 1, max: 50 }) }),
      { minLength: 1, maxLength: 8 },
    )
    const ratios = fc.constantFrom(1.3, 1.5, 2)
    const include = [48]
    fc.assert(
      fc.property(near, fc.integer({ min: 3, max: 7 }), ratios, (observed, rungs, ratioMax) => {
        const options = { rungs, step: 8, ratioMax, include }
        const least = leastOverfetch(observed, options)
        if (least === Infinity) expect(() => optimalLadder(observed, options)).toThrow('no ladder of')
        else expect(overfetchOf(observed, optimalLadder(observed, options))).toBeCloseTo(least, 9)
      }),
      { numRuns: 300, seed: 1 },
    )
  })

  it('rises in multiples of the step up to what serves the largest width', () => {
    fc.assert(
      fc.property(widths, fc.integer({ min: 1, max: 7 }), (observed, rungs) => {
        const ladder = optimalLadder(observed, { rungs, step: 8 })
        expect(ladder).toEqual([...new Set(ladder)].toSorted((left, right) => left - right))
        expect(ladder.every((rung) => rung % 8 === 0)).toBe(true)
        const largest = Math.max(...observed.map(({ width }) => width))
        expect(ladder.at(-1)).toBe(Math.ceil(largest / 8) * 8)
      }),
      { seed: 1 },
    )
  })

  it('puts two rungs where they save most', () => {
    const observed = [
      { width: 100, requests: 10 },
      { width: 110, requests: 10 },
      { width: 300, requests: 1 },
    ]
    // 110 and 300: 10 × (110² − 100²) = 21,000 extra; 100 and 300: 10 × (300² − 110²) = 779,000.
    expect(optimalLadder(observed, { rungs: 2, step: 1 })).toEqual([110, 300])
  })

  it('lets requests decide: the same widths, other counts, another ladder', () => {
    const observed = (requests: number) => [
      { width: 100, requests },
      { width: 190, requests: 1 },
      { width: 200, requests: 1 },
    ]
    expect(optimalLadder(observed(1), { rungs: 2, step: 1 })).toEqual([100, 200])
    expect(optimalLadder(observed(0), { rungs: 2, step: 1 })).toEqual([190, 200])
  })

  it('serves few widths exactly, with no rung to spare', () => {
    const observed = [
      { width: 640, requests: 1 },
      { width: 320, requests: 5 },
      { width: 320, requests: 2 },
    ]
    expect(optimalLadder(observed, { rungs: 9, step: 1 })).toEqual([320, 640])
    expect(optimalLadder(observed, { rungs: 1, step: 1 })).toEqual([640])
  })

  it.each([
    [[], 1, 8],
    [[{ width: 100, requests: 0 }], 1, 8],
    [[{ width: 100, requests: -1 }], 1, 8],
    [[{ width: 0, requests: 1 }], 1, 8],
    [[{ width: 100, requests: 1 }], 0, 8],
    [[{ width: 100, requests: 1 }], 1.5, 8],
    [[{ width: 100, requests: 1 }], 1, 0],
  ])('refuses %j on %s rungs of step %s', (observed, rungs, step) => {
    expect(() => optimalLadder(observed, { rungs, step })).toThrow(RangeError)
  })

  it.each([
    [{ include: [100] }, 'multiples of the step'],
    [{ include: [-8] }, 'multiples of the step'],
    [{ ratioMax: 1 }, 'above 1'],
    [{ rungs: 2, include: [104, 200, 304] }, 'no ladder of 2 rungs'],
    [{ rungs: 2, ratioMax: 2 }, 'no ladder of 2 rungs'],
  ])('refuses %j', (options, reason) => {
    const observed = [
      { width: 100, requests: 1 },
      { width: 800, requests: 1 },
    ]
    expect(() => optimalLadder(observed, { rungs: 3, step: 8, ...options })).toThrow(reason)
  })
})

describe('overfetchOf', () => {
  it('counts the pixels beyond those asked for, per pixel asked for', () => {
    const observed = [
      { width: 100, requests: 3 },
      { width: 200, requests: 1 },
    ]
    expect(overfetchOf(observed, [200])).toBeCloseTo(
      (3 * (200 ** 2 - 100 ** 2)) / (3 * 100 ** 2 + 200 ** 2),
      12,
    )
    expect(overfetchOf(observed, [100, 200])).toBe(0)
  })

  it('takes off nothing for a width above the ladder', () => {
    const observed = [
      { width: 50, requests: 1 },
      { width: 500, requests: 1 },
    ]
    expect(overfetchOf(observed, [100])).toBeCloseTo((100 ** 2 - 50 ** 2) / (50 ** 2 + 500 ** 2), 12)
  })
})
