import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, realpath, rm } from 'node:fs/promises'
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
  const address = lockAddress(await realpath(dataDir))
  for (let attempt = 1; ; attempt++) {
    const release = await listenOn(address)
    if (release !== null) return release
    if (attempt > retries) throw new DataDirInUse(dataDir)
    if (isFile(address) && !(await isAnswered(address))) await rm(address, { force: true })
    else await new Promise((resolve) => setTimeout(resolve, retryPauseMs))
  }
}

/**
 * Where the lock listens: on Linux a name without a file, which is gone with its process; elsewhere a file in the
 * folder for temporary ones, because the paths of sockets must be short and those of data folders need not be.
 */
function lockAddress(dataDir: string): string {
  const name = `tintype-${createHash('sha256').update(dataDir).digest('hex').slice(0, 16)}`
  return process.platform === 'linux' ? `\0${name}` : join(tmpdir(), `${name}.sock`)
}

function isFile(address: string): boolean {
  return !address.startsWith('\0')
}

/** Null where the address is taken: by a running system, or by the file of one that was killed. */
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
