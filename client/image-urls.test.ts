import * as fc from 'fast-check'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { type ImageView, imageView } from '../api/image-view.ts'
import type { ImageRecord } from '../core/image.ts'
import { aliasRev, type ImageRequest, isFault, parseImageUrl } from '../core/image-url.ts'
import { aspectRatios, type Fit, formats, presets, rungs } from '../core/ladder.ts'
import { geometryOf } from '../origin/geometry.ts'
import {
  createImageUrls,
  type ImageRef,
  type PresetName,
  type Quality,
  type SrcOptions,
  type SrcSetOptions,
} from './index.ts'

const cdn = 'https://cdn.example.com'
const images = createImageUrls({ baseUrl: cdn })
const id = '01JD0R3XW6ZQJ5Y5T1V9N4K8MH'
const rev = '0a1b2c3d'
const photograph: ImageRef = { id, rev, width: 4000, height: 3000 }

/** What the edge reads in a URL of the helpers. */
function read(url: string, baseUrl = cdn): ImageRequest {
  expect(url.startsWith(`${baseUrl}/i/`)).toBe(true)
  const [path, query = ''] = url.slice(baseUrl.length).split('?') as [string, string?]
  const parameters = query.split('&').filter(Boolean)
  const request = parseImageUrl(
    path,
    parameters.map((each) => ({ name: each.split('=')[0]!, value: each.split('=')[1]! })),
  )
  if (isFault(request)) throw new Error(`${url}: ${request.code}`)
  return request
}

/** What the origin makes of a URL: the pixels that come out. */
function delivered(url: string, original: { width: number; height: number }) {
  const { scaled, crop } = geometryOf(original, read(url).size, null)
  const { width, height } = crop ?? scaled
  return { width, height }
}

function entriesOf(srcSet: string): { url: string; width: number }[] {
  return srcSet.split(', ').map((entry) => {
    const [url, descriptor] = entry.split(' ') as [string, string]
    expect(descriptor).toMatch(/^\d+w$/)
    return { url, width: Number(descriptor.slice(0, -1)) }
  })
}

const widthsOf = (srcSet: string): number[] => entriesOf(srcSet).map(({ width }) => width)

const side = fc.integer({ min: 1, max: 9000 })
const looks = fc.record(
  {
    aspectRatio: fc.constantFrom(...aspectRatios) as fc.Arbitrary<`${number}:${number}`>,
    fit: fc.constantFrom<Fit>('cover', 'inside'),
    quality: fc.constantFrom<Quality>('low', 'medium', 'high', 1, 62, 63, 82, 83, 100),
    format: fc.constantFrom(...formats),
  },
  { requiredKeys: [] },
)

describe('src', () => {
  it('writes a URL that is read as what was asked', () => {
    const asked = fc.tuple(
      fc.integer({ min: 1, max: 8192 }),
      fc.constantFrom(1, 1.1, 1.5, 2, 2.625, 4),
      looks,
    )
    fc.assert(
      fc.property(asked, ([width, dpr, look]) => {
        const written = read(images.src({ id, rev }, { width, dpr, ...look }))
        const { aspectRatio, fit, quality, format } = look
        const query = Object.entries({ r: rev, w: width, dpr, ar: aspectRatio, fit, q: quality, f: format })
          .filter(([, value]) => value !== undefined)
          .map(([name, value]) => ({ name, value: String(value) }))
        expect(written).toEqual(parseImageUrl(`/i/${id}`, query))
      }),
    )
  })

  it.each<[SrcOptions, string]>([
    [{ width: 601 }, 'r=0a1b2c3d&w=640'],
    [{ width: 320, dpr: 2 }, 'r=0a1b2c3d&w=640'],
    [{ width: 100, dpr: 1.12 }, 'r=0a1b2c3d&w=112'],
    [{ width: 320, dpr: 0.5 }, 'r=0a1b2c3d&w=168'],
    [{ width: 640, aspectRatio: '16:9' }, 'r=0a1b2c3d&w=640&ar=16:9'],
    [{ width: 640, aspectRatio: 1.8 }, 'r=0a1b2c3d&w=640&ar=16:9'],
    [{ width: 640, aspectRatio: '1920:1080', fit: 'inside' }, 'r=0a1b2c3d&w=640&ar=16:9&fit=inside'],
    [{ width: 640, quality: 'high', format: 'webp' }, 'r=0a1b2c3d&w=640&q=high&f=webp'],
    [{ width: 640, quality: 50 }, 'r=0a1b2c3d&w=640&q=low'],
    [{ preset: 'thumb' }, 'r=0a1b2c3d&preset=thumb'],
    [{ preset: 'full', format: 'png' }, 'r=0a1b2c3d&preset=full&f=png'],
  ])('writes %o as %s', (options, query) => {
    expect(images.src(photograph, options)).toBe(`${cdn}/i/${id}?${query}`)
  })

  it('gives all that lies above the original one URL: that of its own width, as the API writes it', () => {
    const small = { ...photograph, width: 1024, height: 750 }
    for (const width of [1001, 1024, 1256, 4000]) {
      expect(images.src(small, { width })).toBe(`${cdn}/i/${id}?r=${rev}&w=1024`)
    }
  })

  it('takes any width, also one that a layout gives before it is laid out', () => {
    for (const width of [0, -1, 0.4, 333.3, 8193, 1e9, Infinity, NaN]) {
      expect(rungs).toContain((read(images.src({ id }, { width })).size as { width: number }).width)
    }
  })

  it('means whatever the image is now where there is no revision', () => {
    expect(read(images.src({ id }, { width: 640 })).rev).toBe(aliasRev)
    expect(read(images.src({ id, rev: null }, { width: 640 })).rev).toBe(aliasRev)
  })

  it('writes one spelling of an id, ULID or UUID', () => {
    const uuid = '6F9619FF-8B86-4011-B42D-00CF4FC964FF'
    expect(images.src({ id: id.toLowerCase() }, { width: 640 })).toContain(`/i/${id}?`)
    expect(images.src({ id: uuid }, { width: 640 })).toContain(`/i/${uuid.toLowerCase()}?`)
  })

  it.each(['', '../x', `${id}"><script>`, `${id}?w=1`])('refuses "%s", which is no id', (wrong) => {
    expect(() => images.src({ id: wrong }, { width: 640 })).toThrow(TypeError)
  })

  it.each([
    ['https://cdn.example.com/', 'https://cdn.example.com'],
    ['https://example.com/img//', 'https://example.com/img'],
    ['', ''],
    ['/', ''],
  ])('appends to the base %j', (baseUrl, prefix) => {
    expect(createImageUrls({ baseUrl }).src({ id }, { width: 640 })).toBe(`${prefix}/i/${id}?w=640`)
  })
})

describe('srcSet', () => {
  it('promises the widths that come out, each once, none above the original', () => {
    fc.assert(
      fc.property(side, side, looks, fc.array(side, { maxLength: 5 }), (width, height, look, widths) => {
        const image = { id, rev, width, height }
        const entries = entriesOf(images.srcSet(image, { ...look, widths }))
        for (const entry of entries) {
          expect(delivered(entry.url, { width, height }).width).toBe(entry.width)
          expect(entry.width).toBeLessThanOrEqual(width)
        }
        const inOrder = [...new Set(entries.map((entry) => entry.width))].toSorted((a, b) => a - b)
        expect(entries.map((entry) => entry.width)).toEqual(inOrder)
      }),
      { numRuns: 500 },
    )
  })

  it('gives every picture one URL, whatever list it stands in', () => {
    fc.assert(
      fc.property(side, side, looks, side, (width, height, look, asked) => {
        const image = { id, rev, width, height }
        const one = images.src(image, { ...look, width: asked })
        expect(entriesOf(images.srcSet(image, { ...look, widths: [asked] }))[0]!.url).toBe(one)
      }),
    )
  })

  it.each([
    [4000, 3000],
    [8000, 6000],
    [3816, 100],
    [1024, 750],
    [1000, 1000],
    [200, 100],
  ])('is what the API gives for an image of %i x %i', (width, height) => {
    const record = {
      id,
      rev,
      width,
      height,
      processingStatus: 'completed',
      visibility: 'public',
    } as ImageRecord
    const view = imageView(record, {
      cdnUrl: cdn,
      signingKey: { name: 'a', secret: 'unused' },
      now: Date.now,
    })
    expect(images.srcSet(view)).toBe(view.srcset)
  })

  it('offers rungs for an image of which only the id is known', () => {
    expect(widthsOf(images.srcSet({ id }))).toEqual(rungs.filter((rung) => rung >= 264))
  })

  it.each<[string, SrcSetOptions, number[]]>([
    ['the widths asked for, up to the next rungs', { widths: [640, 320, 600, 1000] }, [328, 640, 1000]],
    ['what 320 px takes on any screen', { sizes: '320px' }, [328, 416, 512, 640, 800, 1000]],
    ['what an icon takes', { sizes: '24px' }, [56, 72]],
    ['nothing narrower than a third of a phone', { sizes: '33vw', maxWidth: 200 }, [112, 136, 168, 216]],
    [
      'what the narrowest of several sizes takes, without a look at the conditions',
      { sizes: '(min-width: 10px) and (max-width: 90px) 200PX, (min-width: 5px) 100vw', maxWidth: 400 },
      [216, 264, 328, 416],
    ],
    ['the usual where a size is computed', { sizes: 'calc(100vw - 320px)', maxWidth: 400 }, [264, 328, 416]],
    ['the usual where the browser measures', { sizes: 'auto, 10px', maxWidth: 400 }, [264, 328, 416]],
    ['the one rung that holds a small maximum', { maxWidth: 100 }, [112]],
    ['no more than the maximum of the widths', { widths: [300, 3000], maxWidth: 700 }, [328, 800]],
    ['all rungs for an empty list of widths', { widths: [], maxWidth: 300 }, [264, 328]],
  ])('offers %s', (_, options, widths) => {
    expect(widthsOf(images.srcSet(photograph, options))).toEqual(widths)
  })
})

describe('picture', () => {
  it('reserves the place in the shape that comes out', () => {
    fc.assert(
      fc.property(side, side, looks, (width, height, look) => {
        const { img } = images.picture({ id, rev, width, height }, look)
        const last = entriesOf(img.srcSet).at(-1)!
        expect({ width: img.width, height: img.height }).toEqual(delivered(last.url, { width, height }))
      }),
    )
  })

  it('says all that an <img> needs', () => {
    const image = { ...photograph, width: 800, height: 600, altText: 'A boat', dominantColor: '#443322' }
    const { img, sources } = images.picture(image, { maxWidth: 300 })
    const url = (width: number) => `${cdn}/i/${id}?r=${rev}&w=${width}`
    expect(sources).toEqual([])
    expect(img).toEqual({
      alt: 'A boat',
      width: 328,
      height: 246,
      style: { backgroundColor: '#443322' },
      sizes: '100vw',
      srcSet: `${url(264)} 264w, ${url(328)} 328w`,
      src: url(328),
    })
    // React sets attributes in this order, and Safari loads at once when it sees src.
    expect(Object.keys(img).at(-1)).toBe('src')
  })

  it('shows an image of a fixed width at that width', () => {
    const { img } = images.picture(photograph, { width: 320, aspectRatio: '1:1' })
    expect(img).toMatchObject({ width: 320, height: 320, sizes: '320px' })
    expect(widthsOf(img.srcSet)).toEqual([328, 416, 512, 640, 800, 1000])
  })

  it('gives browsers without srcset the width that a URL without one means', () => {
    expect(images.picture(photograph).img.src).toContain('w=1960')
    expect(images.picture({ ...photograph, width: 1000, height: 750 }).img.src).toContain('w=1000')
  })

  it('gives other screens other crops, which are as the <img> in what they leave out', () => {
    const { sources, img } = images.picture(photograph, {
      aspectRatio: '16:9',
      quality: 'high',
      maxWidth: 300,
      sources: [
        { media: '(max-width: 40rem)', aspectRatio: '1:1', sizes: '50vw' },
        { media: '(max-width: 60rem)', maxWidth: 100 },
      ],
    })
    expect(sources.map(({ media }) => media)).toEqual(['(max-width: 40rem)', '(max-width: 60rem)'])
    expect(sources[0]).toMatchObject({ width: 328, height: 328, sizes: '50vw' })
    expect(sources[1]).toMatchObject({ width: 112, height: 63, sizes: '100vw' })
    expect(sources[0]!.srcSet).toContain('ar=1:1&q=high 168w')
    expect(sources[1]!.srcSet).toBe(`${cdn}/i/${id}?r=${rev}&w=112&ar=16:9&q=high 112w`)
    expect(img.srcSet).toContain('ar=16:9&q=high 328w')
  })

  it('leaves out what is not known', () => {
    expect(Object.keys(images.picture({ id }).img)).toEqual(['alt', 'sizes', 'srcSet', 'src'])
    const nothing = {
      id,
      rev: null,
      width: null,
      height: null,
      altText: null,
      dominantColor: null,
      thumbhash: null,
    }
    expect(Object.keys(images.picture(nothing).img)).toEqual(['alt', 'sizes', 'srcSet', 'src'])
  })

  it('knows the shape of a crop without the size of the original', () => {
    const { img } = images.picture({ id }, { aspectRatio: '2:1', maxWidth: 640 })
    expect(img).toMatchObject({ width: 640, height: 320 })
  })

  it('takes the alternative text that is given, also none', () => {
    const image = { ...photograph, altText: 'A boat' }
    expect(images.picture(image, { alt: 'Boats' }).img.alt).toBe('Boats')
    expect(images.picture(image, { alt: '' }).img.alt).toBe('')
  })
})

describe('the types', () => {
  it('take an image of the API as it is', () => {
    expectTypeOf<ImageView>().toExtend<ImageRef>()
  })

  it('name the presets that there are', () => {
    const names: Record<PresetName, true> = { thumb: true, full: true }
    expect(Object.keys(names)).toEqual(Object.keys(presets))
  })

  it('refuse what has no meaning', () => {
    // @ts-expect-error a size is asked for
    images.src(photograph, {})
    // @ts-expect-error a preset is a size
    images.src(photograph, { preset: 'thumb', width: 640 })
    // @ts-expect-error there is no such preset
    images.src(photograph, { preset: 'huge' })
    // @ts-expect-error there is no such format
    images.src(photograph, { width: 640, format: 'gif' })
    // @ts-expect-error a ratio is two numbers
    images.src(photograph, { width: 640, aspectRatio: 'wide' })
    // @ts-expect-error there is no such band
    expect(() => read(images.src(photograph, { width: 640, quality: 'best' }))).toThrow('INVALID_QUALITY')
  })
})

// Kept apart from the rest, so that an error in the arithmetic above is not repeated here.
it('agrees with the ladder about what 16:9 of a tall original is', () => {
  const tall = { id, width: 1000, height: 4000 }
  expect(images.srcSet(tall, { aspectRatio: '16:9', widths: [800, 2000] })).toBe(
    `${cdn}/i/${id}?w=800&ar=16:9 800w, ${cdn}/i/${id}?w=1000&ar=16:9 1000w`,
  )
  const wide = { id, width: 4000, height: 450 }
  expect(images.srcSet(wide, { aspectRatio: '16:9', widths: [640, 2000] })).toBe(
    `${cdn}/i/${id}?w=640&ar=16:9 640w, ${cdn}/i/${id}?w=800&ar=16:9 800w`,
  )
})
