import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { createGunzip } from 'node:zlib'

/** The lines of a text file, one at a time; a file in gzip is unpacked on the way. */
export async function* linesOf(path: string): AsyncGenerator<string, void, undefined> {
  const isPacked = await isGzip(path)
  const bytes = createReadStream(path)
  const text = isPacked ? bytes.pipe(createGunzip()) : bytes
  // pipe() hands on bytes, not failures.
  if (text !== bytes) bytes.on('error', (error) => text.destroy(error))
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
