import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Writable } from 'node:stream'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { installAwsLambda } from './awslambda.ts'
import { bufferedBytesMax, createFunctionUrl, type LambdaHandler } from './function-url.ts'

beforeAll(() => installAwsLambda())

let server: Server | undefined
afterEach(() => server?.close())

async function start(handler: LambdaHandler): Promise<string> {
  server = createServer(createFunctionUrl(handler)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

type Streaming = (event: unknown, stream: Writable) => Promise<void>

function streaming(handler: Streaming): LambdaHandler {
  return awslambda.streamifyResponse(handler) as LambdaHandler
}

describe('a streaming handler', () => {
  it('has no status before its first write, and gets 502 if it makes none', async () => {
    const url = await start(
      streaming(async (_, stream) => {
        awslambda.HttpResponseStream.from(stream, { statusCode: 304 }).end()
      }),
    )
    expect((await fetch(url)).status).toBe(502)
  })

  it('may write without a head', async () => {
    const url = await start(
      streaming(async (_, stream) => {
        stream.write('a')
        stream.end('b')
      }),
    )
    const response = await fetch(url)
    expect([response.status, response.headers.get('content-type'), await response.text()]).toEqual([
      200,
      'application/octet-stream',
      'ab',
    ])
  })

  it('that fails before its head gets 502, one that does not end its stream a broken answer', async () => {
    const failing = await start(streaming(() => Promise.reject(new Error('broken'))))
    expect((await fetch(failing)).status).toBe(502)
    server?.close()
    const endless = await start(
      streaming(async (_, stream) => {
        awslambda.HttpResponseStream.from(stream, { statusCode: 200 }).write('a')
      }),
    )
    await expect(fetch(endless).then((response) => response.text())).rejects.toThrow()
  })
})

describe('a buffered handler', () => {
  it('answers by what it returns', async () => {
    const url = await start(async () => ({
      statusCode: 201,
      headers: { 'x-a': 'b' },
      cookies: ['c=1'],
      body: Buffer.from('hello').toString('base64'),
      isBase64Encoded: true,
    }))
    const response = await fetch(url)
    expect(response.status).toBe(201)
    expect(response.headers.get('x-a')).toBe('b')
    expect(response.headers.getSetCookie()).toEqual(['c=1'])
    expect(await response.text()).toBe('hello')
  })

  it('can give 6 MB at most', async () => {
    const url = await start(async () => ({ statusCode: 200, body: 'x'.repeat(bufferedBytesMax) }))
    expect((await fetch(url)).status).toBe(502)
  })
})

it('has one invocation at a time, as a process of a function has', async () => {
  let running = 0
  let most = 0
  const url = await start(async () => {
    most = Math.max(most, ++running)
    await new Promise((resolve) => setTimeout(resolve, 10))
    running--
    return { statusCode: 200 }
  })
  await Promise.all(Array.from({ length: 5 }, () => fetch(url)))
  expect(most).toBe(1)
})

it('takes 6 MB at most', async () => {
  const url = await start(async () => ({ statusCode: 200 }))
  const response = await fetch(url, { method: 'POST', body: new Uint8Array(bufferedBytesMax + 1) })
  expect(response.status).toBe(413)
})
