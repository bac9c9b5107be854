import { mkdir } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import dynalite from 'dynalite'
import type { Engine, EngineOptions } from './engine.ts'

/**
 * Starts dynalite, a stand-in for DynamoDB in JavaScript, within this process: it is there for machines
 * without a Java runtime.
 */
export async function startDynalite({ dir, port }: EngineOptions): Promise<Engine> {
  if (dir !== undefined) await mkdir(dir, { recursive: true })
  // A table is ready at once: the delays imitate AWS, and nobody here wants to wait.
  const server = dynalite({
    ...(dir === undefined ? {} : { path: dir }),
    createTableMs: 0,
    deleteTableMs: 0,
    updateTableMs: 0,
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject)
      resolve()
    })
  })
  const address = server.address() as AddressInfo
  let stopped: Promise<void> | undefined

  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    stop: () => (stopped ??= close()),
  }

  function close(): Promise<void> {
    return new Promise((resolve, reject) => {
      server.close((error) => (error ? reject(error) : resolve()))
      // Idle keep-alive connections of SDK clients would hold the server open.
      server.closeAllConnections()
    })
  }
}
