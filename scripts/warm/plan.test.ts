import { describe, expect, it } from 'vitest'
import { queryParametersOf } from '../../core/asked-width.ts'
import { hotRungs, rungsFor } from '../../core/hot-rungs.ts'
import { canonicalPath, isFault, parseImageUrl } from '../../core/image-url.ts'
import { rungs } from '../../core/ladder.ts'
import { readDemand } from './demand.ts'
import { parseFormats, planForDemand, planForImages } from './plan.ts'
import { parseRungs } from './rungs.ts'
import { describeSource, parseSource } from './source.ts'

const id = '01ARZ3NDEKTSV4RRFFQ69G5FAV'
const imageUrl = `https://img.example.com/i/${id}?r=abcdef01&preset=full`
const budget = 100
const image = { id, imageUrl, width: 4000, aspectRatio: 4 / 3 }

describe('planForImages', () => {
  it('asks the image’s own domain, with its revision, for each rung in each format', () => {
    const { requests } = planForImages([image], { rungs: [640, 1256], formats: ['avif', 'webp'], budget })
    expect(requests.map(({ url }) => url)).toEqual([
      `https://img.example.com/i/${id}?r=abcdef01&w=640&f=avif`,
      `https://img.example.com/i/${id}?r=abcdef01&w=640&f=webp`,
      `https://img.example.com/i/${id}?r=abcdef01&w=1256&f=avif`,
      `https://img.example.com/i/${id}?r=abcdef01&w=1256&f=webp`,
    ])
    expect(requests.map(({ format }) => format)).toEqual(['avif', 'webp', 'avif', 'webp'])
    expect(requests[0]!.pixels).toBe(640 * 480)
  })

  it('asks another CDN if one is named', () => {
    const wanted = { rungs: [640], formats: ['webp'], budget, cdn: 'https://staging.example.com' } as const
    const { requests } = planForImages([image], wanted)
    expect(requests[0]!.url).toBe(`https://staging.example.com/i/${id}?r=abcdef01&w=640&f=webp`)
  })

  it('fills the key that a page’s srcset leads to, and counts the pixels that there are', () => {
    const [request] = planForImages([{ ...image, width: 1024 }], {
      rungs: [1960],
      formats: ['avif'],
      budget,
    }).requests
    expect(keyOf(request!.url)).toBe(keyOf(`https://img.example.com/i/${id}?r=abcdef01&w=1024&f=avif`))
    expect(request!.pixels).toBe(1024 * 768)
  })

  it('ends where the budget does', () => {
    const plan = planForImages([image, image], { rungs: [640, 1256], formats: ['avif'], budget: 3 })
    expect(plan.requests).toHaveLength(3)
    expect(plan.wanted).toBe(4)
  })

  it('leaves out, and counts, images that are private or have no URL', () => {
    const signed = `https://img.example.com/p/${id}?r=abcdef01&preset=full&e=1&s=a.1.a.x`
    const plan = planForImages(
      [
        { ...image, imageUrl: null },
        { ...image, imageUrl: signed },
        { ...image, imageUrl: signed },
      ],
      { rungs, formats: ['avif'], budget },
    )
    expect(plan).toEqual({
      requests: [],
      wanted: 0,
      leftOut: { 'private images': 2, 'images without a URL': 1 },
      loggedRequests: null,
    })
  })

  it('warms the alias of an image whose revision is not known', () => {
    const alias = { ...image, imageUrl: `https://img.example.com/i/${id}?preset=full` }
    const { requests } = planForImages([alias], { rungs: [640], formats: ['webp'], budget })
    expect(requests[0]!.url).toBe(`https://img.example.com/i/${id}?w=640&f=webp`)
  })
})

describe('planForDemand', () => {
  const wanted = { formats: ['avif', 'webp'], cdn: 'https://img.example.com', budget } as const

  it('asks for what was asked, most wanted first', async () => {
    const lines = [
      `/i/${id}?w=100&f=webp`,
      ...Array.from({ length: 3 }, () => `/i/${id}?preset=thumb&f=jpeg`),
      ...Array.from({ length: 2 }, () => `/i/${id}?w=640&h=640&q=high&f=png&r=abcdef01`),
    ]
    const { requests, loggedRequests } = planForDemand(await readDemand(lines), wanted)
    expect(requests).toEqual([
      { url: urlOf('preset=thumb&f=jpeg'), format: 'jpeg', pixels: 400 * 400, weight: 3 },
      { url: urlOf('r=abcdef01&w=640&ar=1:1&q=high&f=png'), format: 'png', pixels: 640 * 640, weight: 2 },
      { url: urlOf('w=112&f=webp'), format: 'webp', pixels: Math.round((112 * 112) / 1.5), weight: 1 },
    ])
    expect(loggedRequests).toBe(6)
  })

  it('asks for every wanted format where the log does not tell, and shares the weight among them', async () => {
    const lines = [`/i/${id}?w=640`, `/i/${id}?w=640`, `/i/${id}?w=640`, `/i/${id}?w=640&f=webp`]
    const { requests } = planForDemand(await readDemand(lines), wanted)
    expect(requests.map(({ url, weight }) => [url, weight])).toEqual([
      [urlOf('w=640&f=webp'), 2.5],
      [urlOf('w=640&f=avif'), 1.5],
    ])
  })

  it('asks for the most wanted that the budget allows', async () => {
    const lines = [`/i/${id}?w=640`, ...Array.from({ length: 3 }, () => `/i/${id}?w=800&f=webp`)]
    const plan = planForDemand(await readDemand(lines), { ...wanted, budget: 1 })
    expect(plan.requests.map(({ url }) => url)).toEqual([urlOf('w=800&f=webp')])
    expect(plan).toMatchObject({ wanted: 3, loggedRequests: 4 })
  })

  it('fills the very keys that the viewers of a log asked for', async () => {
    const asked = `https://img.example.com/i/${id}?DPR=1.5&W=640&ar=16%3A9&fit=inside&q=30&utm=x&f=jpg`
    const { requests } = planForDemand(await readDemand([asked]), wanted)
    expect(requests.map(({ url }) => keyOf(url))).toEqual([keyOf(asked)])
  })

  function urlOf(query: string): string {
    return `https://img.example.com/i/${id}?${query}`
  }
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
  it.each([
    ['webp,jpeg', ['webp', 'jpeg']],
    ['webp,webp', ['webp']],
  ])('reads %s', (text, expected) => {
    expect(parseFormats(text)).toEqual(expected)
  })

  it.each(['', 'gif', 'avif,', 'AVIF'])('refuses %j', (text) => {
    expect(() => parseFormats(text)).toThrow(/is not a format; there are avif, webp/)
  })
})

describe('parseSource', () => {
  it.each([
    ['recent', { kind: 'recent' }, 'the newest images'],
    ['album:holidays:2026', { kind: 'album', albumId: 'holidays:2026' }, 'album holidays:2026'],
    ['ids:C:\\ids.txt', { kind: 'ids', file: 'C:\\ids.txt' }, 'the images in C:\\ids.txt'],
    ['log:./logs', { kind: 'log', file: './logs' }, 'the requests in ./logs'],
  ])('reads %s', (text, source, words) => {
    expect(parseSource(text)).toEqual(source)
    expect(describeSource(parseSource(text))).toBe(words)
  })

  it.each(['', 'album', 'album:', 'ids:', 'recent:3', 'file:x', ':x'])('refuses %j', (text) => {
    expect(() => parseSource(text)).toThrow('there are recent, album:<id>, ids:<file>, log:<file or folder>')
  })
})

function keyOf(url: string): string {
  const { pathname, search } = new URL(url)
  const parsed = parseImageUrl(pathname, queryParametersOf(search.slice(1)))
  if (isFault(parsed) || parsed.format === '') throw new Error(`not a URL that names a file: ${url}`)
  return canonicalPath({ ...parsed, format: parsed.format })
}
