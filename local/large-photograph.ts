import { readFile } from 'node:fs/promises'
import { loadSharp } from '../runtime/sharp.ts'
import { photographs } from './photographs.ts'

/** Standard deviation of the grain, of 255: as a small camera has it at ISO 400. */
const grainSigma = 5

/**
 * A photograph of 12 megapixels, unless told otherwise, as a camera makes it, JPEG: one of the real ones enlarged, with grain laid over,
 * since without it a smooth enlargement would compress far better than a camera's file. The same bytes every time,
 * for one version of sharp.
 */
export async function largePhotograph(
  { width, height } = { width: 4000, height: 3000 },
): Promise<Uint8Array<ArrayBuffer>> {
  const sharp = await loadSharp()
  const { path } = photographs.find(({ name }) => name === 'black-canyon')!
  const { data, info } = await sharp(await readFile(path))
    .resize(width, height, { fit: 'cover', kernel: 'lanczos3' })
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true })
  addGrain(data, info.channels)
  return new Uint8Array(await sharp(data, { raw: info }).jpeg({ quality: 90 }).toBuffer())
}

/** Grey grain: all channels of a pixel move together. */
function addGrain(pixels: Buffer, channels: number): void {
  const random = xorshift32(0x7117)
  // The sum of four uniform numbers is as good as a normal one here; its variance is 4/12.
  const scale = grainSigma / Math.sqrt(4 / 12)
  for (let at = 0; at < pixels.length; at += channels) {
    const grain = (random() + random() + random() + random() - 2) * scale
    for (let channel = 0; channel < channels; channel++) {
      pixels[at + channel] = Math.max(0, Math.min(255, Math.round(pixels[at + channel]! + grain)))
    }
  }
}

/** Numbers from 0 to 1, the same ones for the same seed. */
function xorshift32(seed: number): () => number {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}
