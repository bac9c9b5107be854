import { once } from 'node:events'
import { connect, type AddressInfo } from 'node:net'
import { createServer, type Server } from 'node:http'
import pino from 'pino'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { installAwsLambda } from '../local/lambda/awslambda.ts'
import { createFunctionUrl, type LambdaHandler } from '../local/lambda/function-url.ts'
import { createStreamingHandler, type LambdaHost } from './lambda-http.ts'

beforeAll(() => installAwsLambda())

let server: Server | undefined

afterEach(() => {
  server?.closeAllConnections()
  server?.close()
})

interface Host {
  url: string
  port: number
  /** Lines of the log. */
  lines: Record<string, unknown>[]
  /** Resolves when the first invocation has ended. */
  invoked: Promise<void>
}

async function start(
  serve: LambdaHost['serve'],
  settle: LambdaHost['settle'] = async () => {},
): Promise<Host> {
  const lines: Host['lines'] = []
  const log = pino({}, { write: (line) => lines.push(JSON.parse(line) as Host['lines'][number]) })
  const handler = awslambda.streamifyResponse(createStreamingHandler({ serve, settle, log })) as LambdaHandler
  let onInvoked: () => void = () => {}
  const invoked = new Promise<void>((resolve) => (onInvoked = resolve))
  server = createServer(createFunctionUrl(handler, { onInvoked })).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    lines,
    invoked,
  }
}

/** Asks for a path as it is, which `fetch` would tidy up, and gives that which was seen. */
async function pathSeen(port: number, path: string): Promise<string | undefined> {
  const socket = connect(port, '127.0.0.1')
  socket.write(`GET ${path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`)
  let answer = ''
  for await (const chunk of socket) answer += chunk
  return /x-path: (\S+)/.exec(answer)?.[1]
}

describe('a request', () => {
  it('arrives with its method, path, query, headers and cookies', async () => {
    const { url } = await start(async (request) =>
      Response.json({
        method: request.method,
        url: request.url,
        accept: request.headers.get('accept'),
        cookie: request.headers.get('cookie'),
        hasId: /^[\w-]{36}$/.test(request.headers.get('x-request-id') ?? ''),
      }),
    )
    const response = await fetch(`${url}/v/a/_/1-w640-q2.webp?a=1&b=%20&a=2`, {
      headers: { accept: 'image/webp', cookie: 'a=1; b=2' },
    })
    expect(await response.json()).toEqual({
      method: 'GET',
      url: 'https://local.lambda-url.us-east-1.on.aws/v/a/_/1-w640-q2.webp?a=1&b=%20&a=2',
      accept: 'image/webp',
      cookie: 'a=1; b=2',
      hasId: true,
    })
  })

  it.each([
    ['text', 'text/plain', 'grüße'],
    ['bytes', 'image/jpeg', Buffer.from([0xff, 0xd8, 0, 1])],
  ])('brings its body, be it %s', async (_, type, body) => {
    const { url } = await start(async (request) => new Response(await request.arrayBuffer()))
    const response = await fetch(url, { method: 'POST', headers: { 'content-type': type }, body })
    expect(Buffer.from(await response.arrayBuffer())).toEqual(Buffer.from(body))
  })

  it('keeps its path as it is: what a URL would resolve is another path', async () => {
    const { port } = await start(
      async ({ url }) => new Response(null, { headers: { 'x-path': new URL(url).pathname } }),
    )
    for (const path of ['/v/a/_/1-w640-q2.webp', '/v/a%20b', '//other.test/v/a']) {
      expect(await pathSeen(port, path)).toBe(path)
    }
    for (const path of ['/v/x/../a', '/v/./a', '/v/x/%2e%2e/a', '/v\\a']) {
      expect(await pathSeen(port, path)).toBe(`/${encodeURIComponent(path)}`)
    }
  })
})

describe('an answer', () => {
  it('has its status, headers and cookies', async () => {
    const headers = new Headers({ etag: '"e"', 'cache-control': 'no-store' })
    headers.append('set-cookie', 'a=1')
    headers.append('set-cookie', 'b=2')
    const { url } = await start(async () => new Response('gone', { status: 410, headers }))
    const response = await fetch(url)
    expect(response.status).toBe(410)
    expect(Object.fromEntries(response.headers)).toMatchObject({ etag: '"e"', 'cache-control': 'no-store' })
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
    expect(await response.text()).toBe('gone')
  })

  it.each([
    ['to a HEAD', 'HEAD', 200],
    ['304', 'GET', 304],
    ['204', 'GET', 204],
  ])('without a body has status and headers: %s', async (_, method, status) => {
    const { url } = await start(async () => new Response(null, { status, headers: { etag: '"e"' } }))
    const response = await fetch(url, { method })
    expect([response.status, response.headers.get('etag'), await response.text()]).toEqual([
      status,
      '"e"',
      '',
    ])
  })

  it('is sent as it comes, and whole when it is larger than a buffered one may be', async () => {
    const chunk = new Uint8Array(1024 * 1024).fill(7)
    let goOn: () => void = () => {}
    const paused = new Promise<void>((resolve) => (goOn = resolve))
    const body = new ReadableStream({
      async start(controller) {
        controller.enqueue(chunk)
        await paused
        for (let n = 1; n < 9; n++) controller.enqueue(chunk)
        controller.close()
      },
    })
    const { url } = await start(async () => new Response(body))
    const reader = (await fetch(url)).body!.getReader()
    let received = (await reader.read()).value!.length
    // The body cannot end before the viewer has its beginning.
    goOn()
    for (let next = await reader.read(); !next.done; next = await reader.read()) received += next.value.length
    expect(received).toBe(9 * chunk.length)
  })

  it('is complete before what goes on is awaited, and the invocation ends after that', async () => {
    const order: string[] = []
    let finish: () => void = () => {}
    const { url, invoked } = await start(
      async () => new Response('x'),
      async () => {
        await new Promise<void>((resolve) => (finish = resolve))
        order.push('settled')
      },
    )
    expect(await (await fetch(url)).text()).toBe('x')
    order.push('answered')
    finish()
    await invoked
    order.push('invoked')
    expect(order).toEqual(['answered', 'settled', 'invoked'])
  })
})

describe('what goes wrong', () => {
  it('without an answer is a 500 that tells nothing, a line of the log, and waited for', async () => {
    let settled = 0
    const { url, lines } = await start(
      () => Promise.reject(new Error('secret')),
      async () => void settled++,
    )
    const response = await fetch(url)
    expect(response.status).toBe(500)
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    const problem = await response.json()
    expect(problem).toMatchObject({ code: 'INTERNAL', requestId: expect.stringMatching(/^[\w-]{36}$/) })
    expect(JSON.stringify(problem)).not.toContain('secret')
    expect(lines).toMatchObject([{ level: 50, msg: 'invocation failed', err: { message: 'secret' } }])
    expect(settled).toBe(1)
  })

  it('amid a body breaks the answer, so that no cache takes a part for the whole', async () => {
    let settled = 0
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(new Uint8Array(10))
      },
      async pull(controller) {
        await new Promise((resolve) => setTimeout(resolve, 20))
        controller.error(new Error('reset'))
      },
    })
    const { url, invoked } = await start(
      async () => new Response(body, { headers: { 'content-length': '20' } }),
      async () => void settled++,
    )
    const response = await fetch(url)
    await expect(response.arrayBuffer()).rejects.toThrow()
    await invoked
    expect(settled).toBe(1)
  })

  it('at the viewer, who leaves, stops the body and fails nothing', async () => {
    let cancelled = false
    let settled = 0
    const endless = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(64 * 1024)),
      cancel: () => void (cancelled = true),
    })
    const { url, lines, invoked } = await start(
      async () => new Response(endless),
      async () => void settled++,
    )
    const leave = new AbortController()
    const response = await fetch(url, { signal: leave.signal })
    await response.body!.getReader().read()
    leave.abort()
    await invoked
    expect([cancelled, settled]).toEqual([true, 1])
    expect(lines).toMatchObject([{ level: 30, msg: 'nobody waited for the answer' }])
  })
})
