import { once } from 'node:events'
import {
  createServer,
  request,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'

import { createEdge, type Edge, type EdgeOptions } from './edge-server.ts'
import { httpOrigin } from './http-origin.ts'

/** Passes requests on as they are, except for a few paths. */
export const functionCode = `
  import cf from"cloudfront";
  function handler(event) {
    const request = event.request
    if (request.uri === '/function/throw') throw new Error('broken function')
    if (request.uri === '/function/invalid') return { statusCode: 'none' }
    if (request.uri === '/function/async') return later(request)
    if (request.uri === '/function/reject') return cf.kvs().get('absent')
    if (request.uri === '/function/event') return { statusCode: 200, body: JSON.stringify(event) }
    if (request.uri === '/function/response') {
      return {
        statusCode: 418,
        statusDescription: 'Teapot',
        headers: { vary: { value: 'Cookie' }, 'x-own': { value: 'a', multiValue: [{ value: 'a' }, { value: 'b' }] } },
        body: { encoding: 'base64', data: 'dGVh' }
      }
    }
    request.querystring = {}
    return request
  }
  async function later(request) {
    request.uri = await cf.kvs().get('target')
    return request
  }`

export interface Viewed {
  readonly status: number
  readonly statusMessage: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  readonly text: string
  /** `Hit`, `Miss`, … without "from cloudfront" */
  readonly xCache: string
}

export interface Viewer {
  readonly edge: Edge
  readonly baseUrl: string
  get(path: string, headers?: Record<string, string>, method?: string): Promise<Viewed>
  close(): Promise<void>
}

/** An edge behind a real HTTP server, and what a viewer does with it. */
export async function startEdge(
  options: Omit<EdgeOptions, 'functionCode'> & { functionCode?: string },
): Promise<Viewer> {
  const edge = createEdge({ functionCode, ...options })
  const { server, baseUrl } = await listen((req, res) => edge.handle(req, res))
  return {
    edge,
    baseUrl,
    get: (path, headers = {}, method = 'GET') => send(baseUrl, path, headers, method),
    close: () => stop(server),
  }
}

export interface ControlledOrigin {
  readonly baseUrl: string
  readonly requests: IncomingMessage[]
  /** what it answers; replace it at any time */
  respond: (req: IncomingMessage, res: ServerResponse) => void
  readonly origin: ReturnType<typeof httpOrigin>
  close(): Promise<void>
}

/** A real HTTP origin that records its requests. */
export async function startOrigin(respond: ControlledOrigin['respond']): Promise<ControlledOrigin> {
  const requests: IncomingMessage[] = []
  const { server, baseUrl } = await listen((req, res) => {
    requests.push(req)
    controlled.respond(req, res)
  })
  const controlled: ControlledOrigin = {
    baseUrl,
    requests,
    respond,
    origin: httpOrigin({ baseUrl }),
    close: () => stop(server),
  }
  return controlled
}

export async function listen(
  handler: (req: IncomingMessage, res: ServerResponse) => void,
): Promise<{ server: Server; baseUrl: string }> {
  const server = createServer(handler)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { server, baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

export async function stop(server: Server): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  server.closeAllConnections()
  await closed
}

/** Sends a path as it is; fetch would normalise it. */
async function send(
  baseUrl: string,
  path: string,
  headers: Record<string, string>,
  method: string,
): Promise<Viewed> {
  const { hostname, port } = new URL(baseUrl)
  const outgoing = request({ hostname, port, path, headers, method, agent: false })
  outgoing.end()
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk as Buffer)
  const body = Buffer.concat(chunks)
  return {
    status: incoming.statusCode ?? 0,
    statusMessage: incoming.statusMessage ?? '',
    headers: incoming.headers,
    body,
    text: body.toString(),
    xCache: String(incoming.headers['x-cache']).replace(' from cloudfront', ''),
  }
}

/** A promise and its resolve, for origins that answer when the test says so. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  let open!: () => void
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open: () => open() }
}

/** Waits until something that other events bring about is so. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve))
}
