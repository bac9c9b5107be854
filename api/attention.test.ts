import { expect, it } from 'vitest'
import { loadSharp } from '../runtime/sharp.ts'
import { attentionOf } from './attention.ts'

/** A dark picture with a bright red spot in it, as fractions of width and height. */
async function withSpotAt(x: number, y: number, width: number, height: number) {
  const rgba = new Uint8Array(width * height * 4).map((_, at) => (at % 4 === 3 ? 255 : 40))
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      if (Math.hypot(column - x * width, row - y * height) <= 6) rgba[(row * width + column) * 4] = 240
    }
  }
  return attentionOf(await loadSharp(), { rgba, width, height })
}

it.each([
  ['landscape', 100, 60],
  ['portrait', 60, 100],
  ['square', 100, 100],
  ['very wide', 100, 12],
])('finds what stands out in a %s picture', async (_, width, height) => {
  for (const at of [0.2, 0.8]) {
    const { x, y } = await withSpotAt(at, 0.5, width, height)
    expect(Math.abs(x - at)).toBeLessThan(0.12)
    expect(y).toBeGreaterThan(0.2)
    expect(y).toBeLessThan(0.8)
  }
})

it('says something for a picture without any detail, and for the narrowest one', async () => {
  for (const [width, height] of [
    [100, 100],
    [1, 100],
    [100, 1],
  ] as const) {
    const rgba = new Uint8Array(width * height * 4).fill(255)
    const { x, y } = await attentionOf(await loadSharp(), { rgba, width, height })
    for (const value of [x, y]) expect(value >= 0 && value <= 1).toBe(true)
  }
})
