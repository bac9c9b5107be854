import { describe, expect, it } from 'vitest'
import { acceptHeaders } from './audience.ts'
import { audiences } from './audiences.ts'
import { neededWidth, r1, scale, type Viewing, viewings, viewingsOf, warmUpOf } from './workload.ts'

const small = scale(r1, 0.01)

describe('viewings', () => {
  it('are the same for the same seed, and others for another', () => {
    expect([...viewings(small)]).toEqual([...viewings(small)])
    expect([...viewings({ ...small, seed: 22 })]).not.toEqual([...viewings(small)])
  })

  it('come in the order of time, as many as asked for, within the time and over all PoPs', () => {
    const all = [...viewings(small)]
    expect(all).toHaveLength(10_000)
    const seconds = all.map(({ second }) => second)
    expect(seconds).toEqual(seconds.toSorted((left, right) => left - right))
    expect(seconds.at(-1)).toBeLessThan(small.seconds)
    expect(new Set(all.map(({ pop }) => pop)).size).toBe(20)
  })

  it('ask most often for the first image, as the exponent says', () => {
    const all = [...viewings({ ...small, requests: 50_000 })]
    const total = Array.from({ length: 50 }, (_, rank) => 1 / (rank + 1) ** 0.8).reduce(
      (sum, each) => sum + each,
    )
    const share = all.filter(({ image }) => image === 0).length / all.length
    // Images that are not published yet leave their requests to the others.
    expect(share).toBeGreaterThan(1 / total - 0.005)
    expect(share).toBeLessThan(1.1 / total)
  })

  it('hold some images back, and begin asking for them while the day goes on', () => {
    const firstSecond = new Map<number, number>()
    for (const { image, second } of viewings({ ...small, requests: 50_000 })) {
      if (!firstSecond.has(image)) firstSecond.set(image, second)
    }
    const late = [...firstSecond.values()].filter((second) => second > small.seconds / 10)
    expect(late.length).toBeGreaterThan(0)
    expect(late.length).toBeLessThan(15)
  })

  it('follow the shares of the Accept headers, revisions and tracking parameters', () => {
    const all = [...viewings({ ...small, images: 2000, requests: 50_000 })]
    const share = (matches: (viewing: Viewing) => boolean) => all.filter(matches).length / all.length
    const [mostFrequent] = acceptHeaders
    expect(share(({ accept }) => accept === mostFrequent![1])).toBeCloseTo(0.46, 1)
    expect(share(({ namesRevision }) => namesRevision)).toBeGreaterThan(0.85)
    expect(share(({ namesRevision }) => namesRevision)).toBeLessThan(0.99)
    expect(share(({ tracking }) => tracking !== '')).toBeCloseTo(0.01, 2)
    const trackings = all.map(({ tracking }) => tracking).filter((tracking) => tracking !== '')
    expect(new Set(trackings).size).toBe(trackings.length)
  })
})

describe.each(audiences)('the audience $name', (audience) => {
  it('asks for whole device pixels that the originals have', () => {
    const all = [...viewings({ ...small, audience })]
    for (const viewing of all) {
      const width = neededWidth(viewing)
      expect(Number.isInteger(width) && width >= 30 && width <= viewing.sourceWidth).toBe(true)
      expect(audience.pages.sourceWidths).toContain(viewing.sourceWidth)
    }
  })

  it('stands in a list of fixed width as often as that is said to be looked at', () => {
    const all = [...viewings({ ...small, audience })]
    for (const [share, { widthIn }] of audience.pages.lists) {
      const width = widthIn(320)
      if (width !== widthIn(2000)) continue
      expect(all.filter(({ cssWidth }) => cssWidth === width).length / all.length).toBeCloseTo(share, 1)
    }
  })
})

describe('warmUpOf', () => {
  const plan = { rungs: [600, 1208, 3840], accepts: ['image/avif', 'image/webp'], startsWithStock: true }

  it('asks for each rung in each format as an image is published, and for no more pixels than it has', () => {
    const warmed = warmUpOf(small, plan)
    const firstAsked = new Map<number, number>()
    for (const { image, second } of viewings(small)) {
      if (!firstAsked.has(image)) firstAsked.set(image, second)
    }
    for (const [image, second] of firstAsked) {
      const own = warmed.filter((each) => each.image === image)
      const largest = Math.min(3840, own[0]!.sourceWidth)
      expect(own.map(neededWidth)).toEqual([600, 600, 1208, 1208, largest, largest])
      expect(own.every((each) => each.second <= second)).toBe(true)
    }
    const seconds = warmed.map(({ second }) => second)
    expect(seconds).toEqual(seconds.toSorted((left, right) => left - right))
  })

  it('asks for a width once where two rungs lie above the original', () => {
    const all = warmUpOf(small, { ...plan, rungs: [3072, 3840], accepts: ['image/avif'] })
    const widthsOf = (sourceWidth: number) =>
      new Set(all.filter((each) => each.sourceWidth === sourceWidth).map(neededWidth))
    expect(all.filter(({ sourceWidth }) => sourceWidth === 1600)).toHaveLength(
      new Set(all.filter(({ sourceWidth }) => sourceWidth === 1600).map(({ image }) => image)).size,
    )
    expect([...widthsOf(1600)]).toEqual([1600])
    expect([...widthsOf(4000)]).toEqual([3072, 3840])
  })

  it('leaves out what was there before, if told so', () => {
    const warmed = warmUpOf(small, { ...plan, startsWithStock: false })
    expect(warmed.length).toBeGreaterThan(0)
    expect(warmed.every(({ second }) => second > 0)).toBe(true)
  })
})

describe('viewingsOf', () => {
  it('draws widths as often as they were observed, and leaves the rest as it is', () => {
    const observed = [
      { width: 100, requests: 1 },
      { width: 5000, requests: 3 },
    ]
    const all = [...viewingsOf(small, observed)]
    const wide = all.filter((viewing) => neededWidth(viewing) === 5000)
    expect(wide.length / all.length).toBeCloseTo(0.75, 1)
    expect(all.every((viewing) => [100, 5000].includes(neededWidth(viewing)))).toBe(true)
    expect(all.map(({ image }) => image)).toEqual([...viewings(small)].map(({ image }) => image))
  })
})

describe('neededWidth', () => {
  const [viewing] = viewings(small)

  it.each([
    [360, 1.1, 4000, 396],
    [393, 2.75, 4000, 1081],
    [1920, 2, 1600, 1600],
  ])('of %s CSS pixels at %s from an original of %s is %s', (cssWidth, pixelRatio, sourceWidth, expected) => {
    expect(neededWidth({ ...viewing!, cssWidth, pixelRatio, sourceWidth })).toBe(expected)
  })
})

it('scales images and requests alike', () => {
  expect(scale(r1, 0.2)).toEqual({ ...r1, images: 1000, requests: 200_000 })
})
