import { connect, type NetConnectOpts } from 'node:net'

import type { ViewerRequest } from './viewer-requests.ts'

export interface RawResponse {
  readonly status: number
  /** by lower-case name; the bytes of the values as Latin-1 */
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
}

const answerSecondsMax = 10

/**
 * Sends a request as it is written, over a connection of its own; Node's own client would refuse or mend some. Text goes
 * out as UTF-8. It has the Host that CloudFront would, unless it brings one.
 *
 * @throws {Error} when there is no answer, or none within 10 s
 */
export async function sendRaw(server: NetConnectOpts, request: ViewerRequest): Promise<RawResponse> {
  const named = request.headers.some(([name]) => name.toLowerCase() === 'host')
  const lines = [
    `${request.method} ${request.target} HTTP/1.1`,
    ...(named ? [] : ['Host: img.example.com']),
    ...request.headers.map(([name, value]) => `${name}: ${value}`),
    'Connection: close',
  ]
  return readResponse(await exchange(server, `${lines.join('\r\n')}\r\n\r\n`))
}

/** Sends bytes and gives all that comes back until the end of the connection. */
function exchange(server: NetConnectOpts, request: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    const connection = connect(server)
    connection.setTimeout(answerSecondsMax * 1000, () => {
      connection.destroy(new Error(`no answer within ${answerSecondsMax} s to ${request}`))
    })
    connection.on('error', reject)
    connection.on('data', (chunk) => chunks.push(chunk))
    connection.on('end', () => resolve(Buffer.concat(chunks)))
    connection.write(request)
  })
}

function readResponse(bytes: Buffer): RawResponse {
  const text = bytes.toString('latin1')
  const [head = '', ...rest] = text.split('\r\n\r\n')
  const [statusLine = '', ...lines] = head.split('\r\n')
  const status = /^HTTP\/1\.1 (\d{3})/.exec(statusLine)?.[1]
  if (status === undefined) throw new Error(`no answer of HTTP/1.1: ${text.slice(0, 200)}`)
  const headers = lines.map((line): [string, string] => {
    const colonAt = line.indexOf(':')
    return [line.slice(0, colonAt).toLowerCase(), line.slice(colonAt + 1).trim()]
  })
  return { status: Number(status), headers: new Map(headers), body: rest.join('\r\n\r\n') }
}
