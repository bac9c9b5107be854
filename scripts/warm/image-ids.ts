import { readFile } from 'node:fs/promises'
import { normalizeImageId } from '../../core/image-url.ts'
import { CommandError } from '../api-client.ts'
import { exitCodeUsage } from '../exit.ts'

/**
 * Reads a file with an image id on each line, each id once; empty lines and those that begin with `#` are passed over.
 *
 * @throws CommandError that names the line which is no id, or says why the file cannot be read
 */
export async function readImageIds(file: string): Promise<string[]> {
  const text = await readFile(file, 'utf8').catch((cause: Error) => {
    throw new CommandError(`${file} cannot be read: ${cause.message}`, { cause, exitCode: exitCodeUsage })
  })
  const ids = new Set<string>()
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const item = line.trim()
    if (item === '' || item.startsWith('#')) continue
    const id = normalizeImageId(item)
    if (id === undefined) {
      const said = `${file}, line ${index + 1}: ${item.slice(0, 60)} is no image id, neither a ULID nor a UUID`
      throw new CommandError(said, { exitCode: exitCodeUsage })
    }
    ids.add(id)
  }
  return [...ids]
}
