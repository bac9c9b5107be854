import { randomUUID } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'

const READS_AT_ONCE = 64

/**
 * Files that are whole or absent, whenever the process or the machine stops: everything is written under `tmp`,
 * flushed, and renamed to its place, and the directory entry is flushed before anyone hears of success.
 */
export class DurableFiles {
  readonly #tmpDirectory: string
  readonly #fsync: boolean
  readonly #flushes = new Map<string, { running: Promise<void>; next: Promise<void> | undefined }>()

  private constructor(tmpDirectory: string, fsync: boolean) {
    this.#tmpDirectory = tmpDirectory
    this.#fsync = fsync
  }

  /** Empties `tmp`, where an earlier process may have left what it could not finish. */
  static async open(tmpDirectory: string, fsync: boolean): Promise<DurableFiles> {
    await rm(tmpDirectory, { recursive: true, force: true })
    await mkdir(tmpDirectory, { recursive: true })
    return new DurableFiles(tmpDirectory, fsync)
  }

  /** A fresh path under `tmp`. */
  stagingPath(): string {
    return join(this.#tmpDirectory, randomUUID())
  }

  /** Writes a stream to a staged file, flushed; a failing source leaves nothing behind. */
  async stage(source: AsyncIterable<Buffer>): Promise<string> {
    const path = this.stagingPath()
    const file = await open(path, 'wx')
    try {
      for await (const chunk of source) await file.writeFile(chunk)
      if (this.#fsync) await file.sync()
    } catch (error) {
      await rm(path, { force: true })
      throw error
    } finally {
      await file.close()
    }
    return path
  }

  /** Puts a JSON document in place of the one at `path`, atomically, not yet flushing the directory. */
  async replaceJson(path: string, value: unknown): Promise<void> {
    const staged = await this.stage(singleChunk(JSON.stringify(value)))
    await rename(staged, path)
  }

  /** Puts a JSON document in place of the one at `path`, atomically and durably. */
  async writeJson(path: string, value: unknown): Promise<void> {
    await this.replaceJson(path, value)
    await this.flushDirectory(dirname(path))
  }

  /**
   * Moves a staged data file to its place, then writes the document that refers to it: the document is the commit.
   * A failure before the commit removes the data file.
   */
  async commit(stagedPath: string, dataPath: string, documentPath: string, document: unknown): Promise<void> {
    try {
      await this.moveDurably(stagedPath, dataPath)
      await this.replaceJson(documentPath, document)
    } catch (error) {
      await this.discard(stagedPath)
      await this.discard(dataPath)
      throw error
    }
    await this.flushDirectory(dirname(documentPath))
  }

  /** Creates a directory with everything `fill` puts into it, all at once. */
  async createDirectory(path: string, fill: (stagedPath: string) => Promise<void>): Promise<void> {
    const staged = this.stagingPath()
    await mkdir(staged)
    try {
      await fill(staged)
      await this.moveDurably(staged, path)
    } catch (error) {
      await this.discard(staged)
      throw error
    }
  }

  /** Removes a directory with everything in it, all at once. */
  async removeDirectory(path: string): Promise<void> {
    const staged = this.stagingPath()
    await rename(path, staged)
    await this.flushDirectory(dirname(path))
    await this.discard(staged)
  }

  /** Removes a document durably; from then on nothing refers to its data file. */
  async removeDocument(path: string): Promise<void> {
    await rm(path, { force: true })
    await this.flushDirectory(dirname(path))
  }

  /** Removes what nothing refers to any more; if that does not survive a crash, the next start repeats it. */
  async discard(path: string): Promise<void> {
    await rm(path, { recursive: true, force: true })
  }

  async moveDurably(from: string, to: string): Promise<void> {
    await rename(from, to)
    await this.flushDirectory(dirname(to))
  }

  /**
   * Makes all changes to a directory's entries so far survive a power cut. Callers that wait while a flush runs
   * share the one after it: only that one is sure to cover their changes.
   */
  flushDirectory(path: string): Promise<void> {
    if (!this.#fsync) return Promise.resolve()
    const flush = this.#flushes.get(path)
    if (!flush) return this.#startFlush(path)
    flush.next ??= flush.running.then(
      () => this.#startFlush(path),
      () => this.#startFlush(path),
    )
    return flush.next
  }

  #startFlush(path: string): Promise<void> {
    const flush: { running: Promise<void>; next: Promise<void> | undefined } = {
      running: fsyncPath(path).finally(() => {
        if (flush.next === undefined) this.#flushes.delete(path)
      }),
      next: undefined,
    }
    this.#flushes.set(path, flush)
    return flush.running
  }
}

/** Reads all JSON documents of a directory, by file name. */
export async function readJsonDocuments(
  directory: string,
): Promise<{ fileName: string; document: unknown }[]> {
  const fileNames = (await readdir(directory)).filter((name) => name.endsWith('.json'))
  const documents = []
  for (let at = 0; at < fileNames.length; at += READS_AT_ONCE) {
    const batch = fileNames.slice(at, at + READS_AT_ONCE)
    documents.push(
      ...(await Promise.all(
        batch.map(async (fileName) => ({ fileName, document: await readJson(join(directory, fileName)) })),
      )),
    )
  }
  return documents
}

/** @throws {Error} naming the file, when it cannot be read or is not JSON. */
export async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'))
  } catch (cause) {
    throw new Error(`Unreadable document: ${path}`, { cause })
  }
}

async function fsyncPath(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

async function* singleChunk(text: string): AsyncGenerator<Buffer> {
  yield Buffer.from(text)
}
