import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { photographs } from '../../local/photographs.ts'
import { loadSharp } from '../../runtime/sharp.ts'
import { mirrored } from './mirrored.ts'
import type { Picture } from './picture.ts'
import { createScorer, ssimulacra2 } from './ssimulacra2.ts'
import { cropped, distortions } from './testing/distortions.ts'
import { referenceScores } from './testing/reference-scores.ts'

const decoded = new Map<string, Promise<Picture>>()

function decode(photograph: string): Promise<Picture> {
  if (!decoded.has(photograph)) decoded.set(photograph, decodeFresh(photograph))
  return decoded.get(photograph)!
}

async function decodeFresh(photograph: string): Promise<Picture> {
  const sharp = await loadSharp()
  const { path } = photographs.find(({ name }) => name === photograph)!
  const { data, info } = await sharp(await readFile(path))
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true })
  return { width: info.width, height: info.height, pixels: data }
}

async function part(photograph: string, width: number, height: number): Promise<Picture> {
  return cropped(await decode(photograph), 60, 40, width, height)
}

describe('ssimulacra2', () => {
  it.each(referenceScores)(
    'gives the reference’s score: %s, %i x %i, %s',
    async (name, width, height, distortion, score) => {
      const original = await part(name, width, height)
      const ours = ssimulacra2(original, distortions[distortion](original))
      expect(Math.abs(ours - score)).toBeLessThan(0.05)
    },
  )

  it.each([8, 113, 264])('gives 100 to the same picture of %i px', async (side) => {
    const picture = await part('nagasaki-boats', side, side)
    expect(ssimulacra2(picture, { ...picture, pixels: picture.pixels.slice() })).toBe(100)
  })

  it('gives less for what is more distorted, whichever of two pictures is the original', async () => {
    const original = await part('march-pastoral', 264, 198)
    const [slight, strong] = [distortions.blur(original), distortions.strongBlur(original)]
    expect(ssimulacra2(original, slight)).toBeGreaterThan(ssimulacra2(original, strong) + 10)
    expect(ssimulacra2(slight, original)).toBeGreaterThan(ssimulacra2(strong, original) + 10)
  })

  it('scores several pictures beside one original as it does each alone', async () => {
    const original = await part('dust-bowl-home', 136, 102)
    const score = createScorer(original)
    for (const distortion of [distortions.blur, distortions.noise, distortions.blur]) {
      const distorted = distortion(original)
      expect(score(distorted)).toBe(ssimulacra2(original, distorted))
    }
  })

  it('leaves its inputs as they are', async () => {
    const original = await part('black-canyon', 64, 48)
    const distorted = distortions.noise(original)
    const before = [original.pixels.slice(), distorted.pixels.slice()]
    ssimulacra2(original, distorted)
    expect([original.pixels, distorted.pixels]).toEqual(before)
  })

  const grey = (width: number, height: number, bytes = width * height * 3): Picture => ({
    width,
    height,
    pixels: new Uint8Array(bytes).fill(128),
  })

  it.each([
    [
      'sizes that differ',
      grey(16, 16),
      grey(16, 17),
      'Pictures of 16 x 16 and 16 x 17 pixels can’t be compared',
    ],
    [
      'pictures too small for it',
      grey(7, 64),
      grey(7, 64),
      'A picture of 7 x 64 pixels is too small: 8 x 8 at least',
    ],
    ['four channels', grey(16, 16), grey(16, 16, 1024), '1024 bytes are no RGB picture of 16 x 16 pixels'],
  ])('refuses %s', (_, original, distorted, message) => {
    expect(() => ssimulacra2(original, distorted)).toThrow(new RangeError(message))
  })
})

describe('mirrored', () => {
  const rgb = (width: number, height: number, ...reds: number[]): Picture => ({
    width,
    height,
    pixels: Uint8Array.from(reds.flatMap((red) => [red, red + 1, red + 2])),
  })

  it('repeats a picture across its edges until it is large enough', () => {
    const picture = mirrored(rgb(3, 2, 10, 20, 30, 40, 50, 60), 4)
    const upper = [10, 20, 30, 30, 20, 10]
    const lower = [40, 50, 60, 60, 50, 40]
    expect(picture).toEqual(rgb(6, 4, ...upper, ...lower, ...lower, ...upper))
  })

  it('leaves a picture that is large enough as it is', () => {
    const picture = rgb(2, 1, 10, 20)
    expect(mirrored(picture, 1)).toBe(picture)
  })

  it('lets small pictures be judged as large ones are', async () => {
    const noiseScore = async (width: number, height: number, sideMin: number): Promise<number> => {
      const original = await part('black-canyon', width, height)
      return ssimulacra2(mirrored(original, sideMin), mirrored(distortions.noise(original), sideMin))
    }
    const large = await noiseScore(264, 198, 1)
    expect(large).toBeGreaterThan(70)
    expect(await noiseScore(64, 48, 1)).toBeLessThan(large - 30)
    expect(Math.abs((await noiseScore(64, 48, 128)) - large)).toBeLessThan(10)
  })
})
