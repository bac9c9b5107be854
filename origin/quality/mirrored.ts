import type { Picture } from './picture.ts'

/**
 * A picture repeated, every second time mirrored, until both sides have at least `sideMin` pixels: no edge comes in that
 * is not in the picture. The picture itself if it is large enough.
 */
export function mirrored(picture: Picture, sideMin: number): Picture {
  const columns = Math.max(1, Math.ceil(sideMin / picture.width))
  const rows = Math.max(1, Math.ceil(sideMin / picture.height))
  if (columns === 1 && rows === 1) return picture
  const width = picture.width * columns
  const height = picture.height * rows
  const pixels = new Uint8Array(width * height * 3)
  for (let y = 0, at = 0; y < height; y++) {
    const rowStart = reflected(y, picture.height) * picture.width
    for (let x = 0; x < width; x++) {
      const from = (rowStart + reflected(x, picture.width)) * 3
      pixels[at++] = picture.pixels[from]!
      pixels[at++] = picture.pixels[from + 1]!
      pixels[at++] = picture.pixels[from + 2]!
    }
  }
  return { width, height, pixels }
}

function reflected(position: number, side: number): number {
  const offset = position % side
  return Math.floor(position / side) % 2 === 0 ? offset : side - 1 - offset
}
