import { describe, expect, it } from 'vitest'
import { audiences } from './audiences.ts'
import { largestRung, ratioMax, smallestRung } from './ladders.ts'
import { extraPixelsOf, ladderFor, observe, type ObservedAudience, resizedBy } from './observed-audience.ts'
import { tintype } from './set-ups.ts'
import { simulate } from './simulate.ts'
import { r1, viewings } from './workload.ts'

const requests = 2000
const [first, , third] = audiences
const retina = observe(third!, requests)

function audienceOf(...widths: [width: number, requests: number][]): ObservedAudience {
  return { name: '', widths: widths.map(([width, times]) => ({ width, sourceWidth: 4000, requests: times })) }
}

describe('what an audience asks for', () => {
  it('costs as many extra pixels as the simulator counts', () => {
    const workload = { ...r1, requests, audience: first! }
    const ladder = [200, 500, 1100, 2000, 3840]
    const measured = simulate({
      workload,
      viewings: viewings(workload),
      setUp: tintype(ladder),
      caches: { pops: 20, regions: 6, popBytes: 1e9, regionalBytes: 1e9, shieldBytes: 1e9 },
      warmUpShare: 0,
    })
    expect(extraPixelsOf(observe(first!, requests), ladder)).toBeCloseTo(measured.overfetch, 12)
  })

  it('is as much wider after a new design, but no original is', () => {
    const { widths } = resizedBy(1.2, {
      name: '',
      widths: [
        { width: 101, sourceWidth: 1000, requests: 3 },
        { width: 900, sourceWidth: 1000, requests: 1 },
      ],
    })
    expect(widths.map(({ width }) => width)).toEqual([122, 1000])
  })
})

describe('a fitted ladder', () => {
  it('rises from the smallest rung to the largest in bounded steps', () => {
    const ladder = ladderFor([retina], 9)
    expect(ladder).toHaveLength(9)
    expect([ladder[0], ladder.at(-1)]).toEqual([smallestRung, largestRung])
    ladder.slice(1).forEach((rung, index) => expect(rung / ladder[index]!).toBeLessThanOrEqual(ratioMax))
  })

  it('costs its own audience no more than one that was fitted to another', () => {
    const other = ladderFor([observe(first!, requests)], 9)
    expect(extraPixelsOf(retina, ladderFor([retina], 9))).toBeLessThan(extraPixelsOf(retina, other))
  })

  it('counts each audience alike, however much it asks for', () => {
    const few = audienceOf([400, 1], [800, 1])
    const many = audienceOf([400, 1000], [800, 1000])
    const other = audienceOf([300, 5], [1500, 5])
    expect(ladderFor([few, other], 7)).toEqual(ladderFor([many, other], 7))
  })
})
