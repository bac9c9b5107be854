import { rgbaToThumbHash } from 'thumbhash'
import { describe, expect, it } from 'vitest'
import { createImageUrls } from './index.ts'

const id = '01JD0R3XW6ZQJ5Y5T1V9N4K8MH'
const images = createImageUrls({ baseUrl: '' })

/** The ThumbHash of a 32 x 32 picture of noise, as the API writes it. */
function thumbhashOf(alphaAt: (index: number) => number, seed = 1): string {
  const rgba = Uint8Array.from({ length: 32 * 32 * 4 }, (_, index) =>
    index % 4 === 3 ? alphaAt(index >> 2) : (index * 7919 * seed) % 256,
  )
  return Buffer.from(rgbaToThumbHash(32, 32, rgba)).toString('base64')
}

describe('the colour that is shown until the picture is there', () => {
  it('is the dominant one of an opaque picture', () => {
    for (let seed = 1; seed <= 50; seed++) {
      const image = { id, dominantColor: '#443322', thumbhash: thumbhashOf(() => 255, seed) }
      expect(images.picture(image).img.style).toEqual({ backgroundColor: '#443322' })
    }
  })

  it('is left out for a transparent picture, through which it would show for good', () => {
    for (let seed = 1; seed <= 50; seed++) {
      const image = { id, dominantColor: '#443322', thumbhash: thumbhashOf((pixel) => pixel % 256, seed) }
      expect(images.picture(image).img).not.toHaveProperty('style')
    }
  })

  it('is the dominant one where no ThumbHash tells', () => {
    expect(images.picture({ id, dominantColor: '#443322' }).img.style).toEqual({ backgroundColor: '#443322' })
  })
})
