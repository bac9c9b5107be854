import { createHash } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** How long a start waits for the data: the process before it may be on its way out. */
const retries = 20
const retryPauseMs = 250

/** Another process works on the same data. */
export class DataDirInUse extends Error {
  override readonly name = 'DataDirInUse'
  constructor(dataDir: string) {
    super(`${dataDir} is in use by another running system: stop it, or set DATA_DIR to another folder`)
  }
}

/**
 * Makes the data folder and takes it for this process alone. The lock is a listening socket, because the kernel
 * lets go of it however the process ends; a file with a process id would outlive a `kill -9`.
 *
 * @returns a function that gives the folder free
 * @throws DataDirInUse
 */
export async function takeDataDir(dataDir: string): Promise<() => Promise<void>> {
  await mkdir(dataDir, { recursive: true })
  // Socket paths must be short, data folders need not be.
  const name = createHash('sha256').update(dataDir).digest('hex').slice(0, 16)
  const socketPath = join(tmpdir(), `tintype-${name}.sock`)
  for (let attempt = 1; await isAnswered(socketPath); attempt++) {
    if (attempt > retries) throw new DataDirInUse(dataDir)
    await new Promise((resolve) => setTimeout(resolve, retryPauseMs))
  }
  await rm(socketPath, { force: true })

  const server = createServer((socket) => socket.end())
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(socketPath, resolve)
  })
  server.unref()
  return () => new Promise((resolve) => server.close(() => resolve()))
}

function isAnswered(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
