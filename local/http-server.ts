import { once } from 'node:events'
import type { Socket } from 'node:net'
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** How long a restart waits for the port: the process before it may be on its way out. */
const portRetries = 20
const portRetryPauseMs = 250

/** More than anybody may upload: who sends on after a refusal is cut off. */
const drainedBytesMax = 64_000_000

export interface HttpServer {
  port: number
  close(): Promise<void>
}

/**
 * Listens with a handler.
 *
 * @param port 0 takes a free one
 * @throws the error of `listen`, `EADDRINUSE` only after five seconds of trying
 */
export async function listen(handler: RequestListener, port: number, host: string): Promise<HttpServer> {
  const unused = new Set<Socket>()
  const server = createServer((request, response) => {
    unused.delete(request.socket)
    response.once('finish', () => drain(request))
    handler(request, response)
  })
  server.on('connection', (socket) => {
    unused.add(socket)
    socket.once('close', () => unused.delete(socket))
  })
  for (let attempt = 1; ; attempt++) {
    try {
      await bind(server, port, host)
      break
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || attempt > portRetries) throw error
      await new Promise((resolve) => setTimeout(resolve, portRetryPauseMs))
    }
  }
  return { port: (server.address() as AddressInfo).port, close: () => close(server, unused) }
}

async function bind(server: Server, port: number, host: string): Promise<void> {
  server.listen(port, host)
  // Rejects with what an 'error' event brings.
  await once(server, 'listening')
}

/**
 * Reads what is left of a body when the answer did not wait for it, such as a 401. Left unread, it would stop the
 * connection, and the client would see a reset in place of the answer.
 */
function drain(request: IncomingMessage): void {
  if (request.complete) return
  let left = drainedBytesMax
  request.removeAllListeners('data')
  request.on('data', (chunk: Buffer) => {
    left -= chunk.length
    if (left < 0) request.destroy()
  })
  request.resume()
}

/**
 * Lets requests under way end. Connections that are kept alive would hold the server open for ever, and so would
 * those that browsers open in advance: to Node, one that never asked is not idle.
 */
function close(server: Server, unused: ReadonlySet<Socket>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeIdleConnections()
    for (const socket of unused) socket.destroy()
  })
}
