import { describe, expect, it } from 'vitest'
import { canonicalPath, isFault, parseImageUrl } from '../../core/image-url.ts'
import { rungs } from '../../core/ladder.ts'
import { parseFormats, planWarmUp } from './plan.ts'
import { hotRungs, parseRungs, rungsFor } from './rungs.ts'

const id = '01ARZ3NDEKTSV4RRFFQ69G5FAV'
const image = { id, imageUrl: `https://img.example.com/i/${id}?r=abcdef01&preset=full`, width: 4000 }

describe('planWarmUp', () => {
  it('asks the image’s own domain, with its revision, for each rung in each format', () => {
    const requests = planWarmUp([image], { rungs: [640, 1256], formats: ['avif', 'webp'] })
    expect(requests.map(({ url }) => url)).toEqual([
      `https://img.example.com/i/${id}?r=abcdef01&w=640&f=avif`,
      `https://img.example.com/i/${id}?r=abcdef01&w=640&f=webp`,
      `https://img.example.com/i/${id}?r=abcdef01&w=1256&f=avif`,
      `https://img.example.com/i/${id}?r=abcdef01&w=1256&f=webp`,
    ])
    expect(requests.map(({ format }) => format)).toEqual(['avif', 'webp', 'avif', 'webp'])
  })

  it('fills the key that a page’s srcset leads to', () => {
    const [request] = planWarmUp([{ ...image, width: 1024 }], { rungs: [1960], formats: ['avif'] })
    expect(keyOf(request!.url)).toBe(keyOf(`https://img.example.com/i/${id}?r=abcdef01&w=1024&f=avif`))
  })

  it('leaves out an image without a public URL', () => {
    expect(planWarmUp([{ ...image, imageUrl: null }], { rungs, formats: ['avif'] })).toEqual([])
  })

  it('warms the alias of an image whose revision is not known', () => {
    const [request] = planWarmUp([{ ...image, imageUrl: `https://img.example.com/i/${id}?preset=full` }], {
      rungs: [640],
      formats: ['webp'],
    })
    expect(request!.url).toBe(`https://img.example.com/i/${id}?w=640&f=webp`)
  })
})

describe('rungs', () => {
  it.each([
    [1024, [640, 1256]],
    [1256, [640, 1256]],
    [600, [640]],
    [5000, [640, 1256, 3816]],
    [null, [640, 1256, 3816]],
  ])('of an image %s wide end where its full width is served', (width, expected) => {
    expect(rungsFor(width, [640, 1256, 3816])).toEqual(expected)
  })

  it('are hot only if they are on the ladder', () => {
    expect(rungs).toEqual(expect.arrayContaining([...hotRungs]))
  })

  it.each([
    ['hot', hotRungs],
    ['all', rungs],
    ['640,56', [640, 56]],
  ])('are read from %s', (text, expected) => {
    expect(parseRungs(text)).toEqual(expected)
  })

  it.each(['', '641', '640,', 'warm'])('are not %j: the message lists what there is', (text) => {
    expect(() => parseRungs(text)).toThrow(/hot, all, or of these: 56,72/)
  })
})

describe('parseFormats', () => {
  it('reads a list', () => {
    expect(parseFormats('webp,jpeg')).toEqual(['webp', 'jpeg'])
  })

  it.each(['', 'gif', 'avif,', 'AVIF'])('refuses %j', (text) => {
    expect(() => parseFormats(text)).toThrow(/is not a format; there are avif, webp/)
  })
})

function keyOf(url: string): string {
  const { pathname, searchParams } = new URL(url)
  const parsed = parseImageUrl(
    pathname,
    [...searchParams].map(([name, value]) => ({ name, value })),
  )
  if (isFault(parsed) || parsed.format === '') throw new Error(`not a URL that names a file: ${url}`)
  return canonicalPath({ ...parsed, format: parsed.format })
}
