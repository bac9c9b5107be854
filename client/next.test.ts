import { describe, expect, expectTypeOf, it } from 'vitest'
import { rungs } from '../core/ladder.ts'
import { createImageUrls } from './index.ts'
import { createNextLoader, deviceSizes, imageSizes } from './next.ts'

const cdn = 'https://cdn.example.com'
const id = '01JD0R3XW6ZQJ5Y5T1V9N4K8MH'
const loader = createNextLoader({ baseUrl: `${cdn}/` })

describe('the loader for next/image', () => {
  it.each([
    ['an id', id, 'w=640'],
    ['an id with its revision', `${id}?r=0a1b2c3d`, 'r=0a1b2c3d&w=640'],
    ['a path', `/i/${id}?r=0a1b2c3d&ar=16:9`, 'r=0a1b2c3d&w=640&ar=16:9'],
    ['a path as URL objects write it', `/i/${id}?ar=16%3A9&f=webp`, 'w=640&ar=16:9&f=webp'],
    ['the imageUrl of the API', `${cdn}/i/${id}?r=0a1b2c3d&preset=full`, 'r=0a1b2c3d&w=640'],
    ['the thumbnailUrl of the API', `${cdn}/i/${id}?r=0a1b2c3d&preset=thumb`, 'r=0a1b2c3d&w=640&ar=1:1'],
    ['a URL with a fragment', `${cdn}/i/${id}?fit=inside&h=9&w=16#top`, 'w=640&ar=16:9&fit=inside'],
    ['a URL with a quality', `${cdn}/i/${id}?q=high`, 'w=640&q=high'],
  ])('writes the width into %s', (_, src, query) => {
    expect(loader({ src, width: 600 })).toBe(`${cdn}/i/${id}?${query}`)
  })

  it('takes the quality of the component before that of the URL', () => {
    expect(loader({ src: `${id}?q=high`, width: 640, quality: 75 })).toBe(`${cdn}/i/${id}?w=640`)
    expect(loader({ src: id, width: 640, quality: 90 })).toBe(`${cdn}/i/${id}?w=640&q=high`)
  })

  it.each(['/logo.png', 'https://elsewhere.example.com/a.jpg', `https://elsewhere.example.com/i/${id}`, ''])(
    'leaves %j alone, which is no image of this service',
    (src) => {
      expect(loader({ src, width: 640 })).toBe(src)
    },
  )

  it('writes what src writes, so that a page loads a picture once', () => {
    const images = createImageUrls({ baseUrl: cdn })
    for (const width of deviceSizes) {
      expect(loader({ src: images.src({ id }, { width: 100 }), width })).toBe(images.src({ id }, { width }))
    }
  })

  it('works for a page on the origin of the images', () => {
    expect(createNextLoader({ baseUrl: '' })({ src: id, width: 640 })).toBe(`/i/${id}?w=640`)
  })

  it('is a loader as next/image knows it', () => {
    // `ImageLoader` in packages/next/src/shared/lib/get-img-props.ts of vercel/next.js.
    type ImageLoader = (p: { src: string; width: number; quality?: number }) => string
    expectTypeOf(loader).toExtend<ImageLoader>()
  })
})

it('has a size for Next for each rung, and one rung for each size', () => {
  expect([...imageSizes, ...deviceSizes]).toEqual(rungs)
  // Next refuses a configuration with more than 25 of either.
  expect(Math.max(imageSizes.length, deviceSizes.length)).toBeLessThanOrEqual(25)
})
