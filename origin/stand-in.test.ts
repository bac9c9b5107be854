import { describe, expect, it } from 'vitest'
import { parseCanonicalPath, type Variant } from '../core/image-url.ts'
import { createStandIns, nearestLarger } from './stand-in.ts'

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

describe('createStandIns', () => {
  /** A bucket that tells how often it was listed. */
  function bucket(names: string[]) {
    const listed: string[] = []
    let fails = false
    return {
      listed,
      failNext: () => (fails = true),
      async *list(prefix: string) {
        listed.push(prefix)
        if (fails) {
          fails = false
          throw new Error('SlowDown')
        }
        for (const name of names) yield prefix + name
      },
    }
  }

  it('lists a bucket once for all who come within two seconds', async () => {
    const variants = bucket(['1-w800-q2.avif', 'no-variant.txt'])
    let at = 0
    const { find } = createStandIns(variants, () => at)
    const asked = variant('1-w640-q2.avif')
    const found = await Promise.all([find(asked), find(asked), find(variant('1-w416-q2.avif'))])
    expect(new Set(found)).toEqual(new Set([`v/${asked.id}/_/1-w800-q2.avif`]))
    at = 1_999
    await find(asked)
    expect(variants.listed).toHaveLength(1)
    at = 2_000
    await find(asked)
    expect(variants.listed).toHaveLength(2)
  })

  it('does not remember a failure, and not more images than it may', async () => {
    const variants = bucket(['1-w800-q2.avif'])
    const { find } = createStandIns(variants, () => 0)
    const asked = variant('1-w640-q2.avif')
    variants.failNext()
    await expect(find(asked)).rejects.toThrow('SlowDown')
    expect(await find(asked)).not.toBeNull()
    for (let n = 0; n < 600; n++) {
      await find({ ...asked, id: `01JD0R3XW6ZQJ5Y5T1V9N4${String(n).padStart(4, '0')}` })
    }
    await find(asked)
    expect(variants.listed).toHaveLength(603)
  })
})
