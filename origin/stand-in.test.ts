import { describe, expect, it } from 'vitest'
import { parseCanonicalPath, type Variant } from '../core/image-url.ts'
import { nearestLarger } from './stand-in.ts'

function variant(name: string): Variant {
  return parseCanonicalPath(`/v/01JD0R3XW6ZQJ5Y5T1V9N4K8MH/_/${name}`)!
}

describe('nearestLarger', () => {
  it.each([
    [
      'the next rung',
      '1-w640-q2.avif',
      ['1-w1000-q2.avif', '1-w800-q2.avif', '1-w512-q2.avif'],
      '1-w800-q2.avif',
    ],
    ['the same rung in another band', '1-w640-q2.avif', ['1-w640-q1.avif'], '1-w640-q1.avif'],
    ['its band before its size', '1-w640-q2.avif', ['1-w640-q1.avif', '1-w1960-q2.avif'], '1-w1960-q2.avif'],
    ['JPEG at last', '1-w640-q2.avif', ['1-w640-q2.jpeg', '1-w640-q2.webp'], '1-w640-q2.jpeg'],
    ['its format before its band', '1-w640-q2.webp', ['1-w640-q2.jpeg', '1-w800-q3.webp'], '1-w800-q3.webp'],
    ['nothing smaller', '1-w640-q2.avif', ['1-w512-q2.avif'], null],
    [
      'nothing of another shape',
      '1-w640-ar1x1-q2.avif',
      ['1-w800-q2.avif', '1-w800-ar4x3-q2.avif', '1-w800-in1x1-q2.avif'],
      null,
    ],
    ['no other format', '1-w640-q2.jpeg', ['1-w640-q2.avif', '1-w640-q2.webp'], null],
    ['no preset', '1-w640-q2.avif', ['1-full.avif'], null],
    ['nothing for a preset', '1-thumb.avif', ['1-w640-ar1x1-q2.avif'], null],
  ])('takes %s', (_, asked, stored, expected) => {
    expect(nearestLarger(variant(asked), stored.map(variant))).toEqual(
      expected === null ? null : variant(expected),
    )
  })
})
