import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'

/** The lines of a text file, one at a time; a file in gzip is unpacked on the way. */
export async function* linesOf(path: string): AsyncGenerator<string, void, undefined> {
  const isPacked = await isGzip(path)
  const bytes = createReadStream(path)
  // Unlike pipe(), pipeline() hands on failures too: whoever reads the lines is told of them.
  const text = isPacked ? pipeline(bytes, createGunzip(), () => undefined) : bytes
  yield* createInterface({ input: text, crlfDelay: Infinity })
}

async function isGzip(path: string): Promise<boolean> {
  const file = await open(path)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2)
    return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b
  } finally {
    await file.close()
  }
}
