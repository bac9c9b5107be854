import { readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { largePhotograph } from '../local/large-photograph.ts'
import { photographs as demoPhotographs } from '../local/photographs.ts'
import { loadSharp } from '../runtime/sharp.ts'

export interface BenchPhotograph {
  name: string
  bytes: Uint8Array
  width: number
  height: number
}

/**
 * The photographs to measure with: JPEGs of at least `megapixelsMin` under a folder, or, without a folder, the one
 * of 12 megapixels that the tests use.
 */
export async function benchPhotographs(
  dir: string | undefined,
  megapixelsMin: number,
): Promise<BenchPhotograph[]> {
  if (dir === undefined) return [await measured('12 MP test photograph', await largePhotograph())]
  const entries = await readdir(dir, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile() && /\.jpe?g$/i.test(entry.name))
  const photographs: BenchPhotograph[] = []
  for (const { parentPath, name } of files) {
    const photograph = await measured(basename(name), await readFile(join(parentPath, name)))
    if (photograph.width * photograph.height >= megapixelsMin * 1e6) photographs.push(photograph)
  }
  if (photographs.length === 0) throw new Error(`${dir} holds no JPEG of ${megapixelsMin} megapixels or more`)
  return photographs
}

/** The nine photographs of the demo, half a megapixel to 0.8. */
export function smallPhotographs(): Promise<BenchPhotograph[]> {
  return Promise.all(demoPhotographs.map(async ({ name, path }) => measured(name, await readFile(path))))
}

async function measured(name: string, bytes: Uint8Array): Promise<BenchPhotograph> {
  const { autoOrient } = await (await loadSharp())(bytes).metadata()
  return { name, bytes, ...autoOrient }
}
