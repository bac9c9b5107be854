import { describe, expect, it } from 'vitest'
import { parseCanonicalPath } from '../../core/image-url.ts'
import { rungs, snapUp } from '../../core/ladder.ts'
import {
  awsSample,
  idOf,
  nextImage,
  passThrough,
  revisionOf,
  type SetUp,
  snap,
  tintype,
  tintypeServingLarger,
} from './set-ups.ts'
import { r1, scale, type Viewing, viewings } from './workload.ts'

const chrome = 'image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8'
const viewing: Viewing = {
  second: 0,
  pop: 0,
  image: 12,
  sourceWidth: 4000,
  cssWidth: 393,
  pixelRatio: 2.75,
  accept: chrome,
  namesRevision: true,
  parameterOrder: 0,
  tracking: '',
}

/** How many keys the set-up makes of viewings that differ from the first in these ways. */
function keysOf(setUp: SetUp, ...differences: Partial<Viewing>[]): number {
  return new Set(
    [{}, ...differences].map((difference) => setUp.deliver({ ...viewing, ...difference }).cacheKey),
  ).size
}

describe('Tintype', () => {
  it('keys on the canonical path that the grammar gives', () => {
    const { cacheKey, width, format } = tintype().deliver(viewing)
    const rung = snapUp(1081)
    expect(cacheKey).toContain(`/v/${idOf(12)}/${revisionOf(12)}/`)
    expect(cacheKey).toContain(`-w${rung}-q2.avif`)
    expect(parseCanonicalPath(cacheKey)).not.toBeNull()
    expect([width, format]).toEqual([rung, 'avif'])
  })

  it('has one key for every spelling, tracking parameter, Accept header of one format and width of one rung', () => {
    const firefox = { accept: 'image/avif,image/webp,*/*' }
    const spellings = [{ parameterOrder: 1 }, { parameterOrder: 2 }, { tracking: 'utm_id=7' }]
    expect(keysOf(tintype(), ...spellings, firefox, { cssWidth: 1200, pixelRatio: 1 })).toBe(1)
    expect(
      keysOf(tintype(), { accept: '*/*' }, { image: 13 }, { namesRevision: false }, { cssWidth: 800 }),
    ).toBe(5)
  })

  it('keeps an alias for 300 seconds and a stale day, under the revision that it stands for', () => {
    const alias = tintype().deliver({ ...viewing, namesRevision: false })
    const named = tintype().deliver(viewing)
    expect(alias.cacheKey).toContain('/_/')
    expect(alias.lifetime).toEqual({ freshSeconds: 300, staleSeconds: 86_400 })
    expect(alias.storedKey).toBe(named.storedKey)
    expect(named.lifetime.freshSeconds).toBe(31_536_000)
  })

  it('makes the same of another ladder as of its own, if that is the same', () => {
    const [own, other] = [tintype(), tintype(rungs)]
    for (const each of viewings(scale(r1, 0.005))) expect(other.deliver(each)).toEqual(own.deliver(each))
  })

  it('takes the next rung of another ladder', () => {
    const { cacheKey, width } = tintype([1000, 1080, 1088]).deliver(viewing)
    expect(width).toBe(1088)
    expect(cacheKey).toContain('-w1088-')
  })
})

describe('an origin that answers with the next larger stored variant', () => {
  const ladder = [100, 200, 400]
  const of = (cssWidth: number): Viewing => ({ ...viewing, cssWidth, pixelRatio: 1 })

  it('takes the next one, not the one after that, and renders where there is none', () => {
    const { deliver } = tintypeServingLarger(ladder)
    expect([deliver(of(400)).width, deliver(of(100)).width, deliver(of(200)).width]).toEqual([400, 100, 400])
  })

  it('keeps a key of its own for it, and to what it answered first', () => {
    const { deliver } = tintypeServingLarger(ladder)
    const own = deliver(of(200))
    const lent = deliver(of(100))
    expect(lent).toMatchObject({ width: 200, storedKey: own.storedKey })
    expect(lent.cacheKey).not.toBe(own.cacheKey)
    expect(deliver(of(100))).toEqual(lent)
    expect(deliver({ ...of(50), accept: '*/*' })).toMatchObject({ width: 100, format: 'jpeg' })
  })
})

describe('the others', () => {
  it('passes through: spelling, tracking and format make keys, and nothing is kept', () => {
    const differences = [
      { parameterOrder: 1 },
      { parameterOrder: 2 },
      { tracking: 'utm_id=7' },
      { accept: '*/*' },
    ]
    expect(keysOf(passThrough, ...differences)).toBe(5)
    expect(keysOf(passThrough, { cssWidth: 394 }, { pixelRatio: 3 })).toBe(3)
    expect(passThrough.deliver(viewing)).toMatchObject({ width: 1081, storedKey: null, format: 'avif' })
  })

  it('asks for Next.js’ widths, and keys on the whole Accept header but stores by format', () => {
    expect(nextImage.deliver(viewing)).toMatchObject({ width: 1200, format: 'webp' })
    expect(nextImage.deliver({ ...viewing, cssWidth: 4000 }).width).toBe(3840)
    expect(keysOf(nextImage, { accept: 'image/avif,image/webp,*/*' }, { tracking: 'utm_id=7' })).toBe(3)
    expect(keysOf(nextImage, { parameterOrder: 1 }, { cssWidth: 1100, pixelRatio: 1 })).toBe(1)
    const firefox = nextImage.deliver({ ...viewing, accept: 'image/avif,image/webp,*/*' })
    expect(firefox.storedKey).toBe(nextImage.deliver(viewing).storedKey)
    expect(nextImage.deliver({ ...viewing, accept: '*/*' }).storedKey).not.toBe(firefox.storedKey)
  })

  it('keys AWS’ sample on format and exact width alone', () => {
    expect(keysOf(awsSample, { parameterOrder: 1 }, { tracking: 'utm_id=7' }, { namesRevision: false })).toBe(
      1,
    )
    expect(keysOf(awsSample, { cssWidth: 394 }, { accept: '*/*' }, { accept: 'image/webp,*/*' })).toBe(4)
    expect(awsSample.deliver(viewing)).toMatchObject({ width: 1081, format: 'avif' })
  })
})

it('snaps up, and to the largest where none is large enough', () => {
  expect([1, 100, 101, 300].map((width) => snap(width, [100, 200]))).toEqual([100, 100, 200, 200])
})
