import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Size } from '../core/image-url.ts'
import type { Fit } from '../core/ladder.ts'
import { geometryOf } from './geometry.ts'

const rung = (width: number, ratio = '', fit: Fit = ratio === '' ? 'inside' : 'cover'): Size => ({
  kind: 'rung',
  width,
  ratio,
  fit,
})
const preset = (name: string): Size => ({ kind: 'preset', name })

describe('geometryOf', () => {
  it.each<[string, [number, number], Size, [number, number], unknown]>([
    ['scales to the width', [4000, 3000], rung(640), [640, 480], null],
    ['rounds the other side', [4000, 2999], rung(640), [640, 480], null],
    ['never enlarges', [500, 400], rung(640), [500, 400], null],
    ['keeps a side of one pixel', [4000, 3], rung(56), [56, 1], null],
    ['fits inside a wide box', [4000, 3000], rung(640, '16:9', 'inside'), [480, 360], null],
    ['fits inside a tall box', [4000, 3000], rung(640, '9:16', 'inside'), [640, 480], null],
    [
      'covers a wide box',
      [4000, 3000],
      rung(640, '16:9'),
      [640, 480],
      { width: 640, height: 360, left: 0, top: 60 },
    ],
    [
      'covers a tall box',
      [4000, 3000],
      rung(640, '1:2'),
      [1707, 1280],
      { width: 640, height: 1280, left: 534, top: 0 },
    ],
    ['needs no crop in its own shape', [1600, 900], rung(640, '16:9'), [640, 360], null],
    [
      'shrinks a box that is too large',
      [400, 300],
      rung(640, '1:1'),
      [400, 300],
      { width: 300, height: 300, left: 50, top: 0 },
    ],
    [
      'thumb covers 400 x 400',
      [4000, 3000],
      preset('thumb'),
      [533, 400],
      { width: 400, height: 400, left: 67, top: 0 },
    ],
    ['full fits inside 2048 x 2048', [3000, 4000], preset('full'), [1536, 2048], null],
  ])('%s', (_, [width, height], size, scaled, crop) => {
    expect(geometryOf({ width, height }, size, null)).toEqual({
      scaled: { width: scaled[0], height: scaled[1] },
      crop,
    })
  })

  it('crops around the focal point as far as the edges allow', () => {
    const top = (y: number) =>
      geometryOf({ width: 1000, height: 1000 }, rung(640, '16:9'), { x: 0.5, y }).crop?.top
    expect([0, 0.25, 0.5, 0.75, 1].map(top)).toEqual([0, 0, 140, 280, 280])
    expect(top(0.4)).toBe(76)
  })

  it('gives a crop that lies in the picture, never larger than the source, whatever the sizes', () => {
    const side = fc.integer({ min: 1, max: 12_000 })
    const sizes = fc.constantFrom(
      rung(56),
      rung(640, '21:9'),
      rung(3816, '1:2'),
      rung(3816, '1:1', 'inside'),
      preset('thumb'),
    )
    const focus = fc.double({ min: 0, max: 1, noNaN: true })
    fc.assert(
      fc.property(side, side, sizes, focus, focus, (width, height, size, x, y) => {
        const { scaled, crop } = geometryOf({ width, height }, size, { x, y })
        const output = crop ?? scaled
        expect(Math.min(output.width, output.height)).toBeGreaterThanOrEqual(1)
        expect(scaled.width).toBeLessThanOrEqual(width)
        expect(scaled.height).toBeLessThanOrEqual(height)
        if (crop === null) return
        expect(Math.min(crop.left, crop.top)).toBeGreaterThanOrEqual(0)
        expect(crop.left + crop.width).toBeLessThanOrEqual(scaled.width)
        expect(crop.top + crop.height).toBeLessThanOrEqual(scaled.height)
      }),
      { numRuns: 1000 },
    )
  })
})
