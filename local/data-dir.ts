import { createHash } from 'node:crypto'
import { once } from 'node:events'
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
  for (let attempt = 1; ; attempt++) {
    const release = await listenOn(socketPath)
    if (release !== null) return release
    if (!(await isAnswered(socketPath))) await rm(socketPath, { force: true })
    else if (attempt > retries) throw new DataDirInUse(dataDir)
    else await new Promise((resolve) => setTimeout(resolve, retryPauseMs))
  }
}

/** Null where the socket exists already, be it answered or left behind. */
async function listenOn(socketPath: string): Promise<(() => Promise<void>) | null> {
  const server = createServer((socket) => socket.end())
  server.listen(socketPath)
  try {
    await once(server, 'listening')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return null
    throw error
  }
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
