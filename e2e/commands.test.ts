import { type ChildProcess, execFile } from 'node:child_process'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { photographs } from '../local/photographs.ts'
import { connect } from '../scripts/api-client.ts'
import { startTestSystem, type TestSystem } from './test-system.ts'

const repository = fileURLToPath(new URL('..', import.meta.url))
/** Nothing listens there. */
const nowhere = 'http://localhost:1'

let system: TestSystem

beforeAll(async () => {
  system = await startTestSystem()
})

afterAll(() => system.remove())

let standIn: Server | undefined

afterEach(() => {
  standIn?.closeAllConnections()
  standIn?.close()
})

/** A system with one image, whose pictures are answered as the test wants. */
async function serveOneImage(
  answerPicture: (response: ServerResponse, query: URLSearchParams) => unknown,
): Promise<string> {
  const id = '01ARZ3NDEKTSV4RRFFQ69G5FAV'
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url!, url)
    const images = [{ id, imageUrl: `${url}/i/${id}?r=abcdef01&preset=full`, width: 4000 }]
    if (pathname === '/dev/token') response.end('{"token":"x"}')
    else if (pathname === '/images')
      response.end(JSON.stringify({ images, pagination: { nextCursor: null } }))
    else answerPicture(response, searchParams)
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  standIn = server
  return url
}

interface Ended {
  code: number
  out: string
  error: string
}

/** Runs a command line as a person would. */
function run(...commandLine: [script: 'demo' | 'warm', ...args: string[]]): Promise<Ended> {
  return start(...commandLine).ended
}

function start(script: 'demo' | 'warm', ...args: string[]): { process: ChildProcess; ended: Promise<Ended> } {
  const command = ['--import', 'tsx', `scripts/${script}.ts`, ...args]
  let child!: ChildProcess
  const ended = new Promise<Ended>((resolve) => {
    child = execFile(process.execPath, command, { cwd: repository }, (_error, out, error) => {
      resolve({ code: child.exitCode ?? -1, out, error })
    })
  })
  return { process: child, ended }
}

describe('npm run demo', () => {
  it('adds every photograph once, and one again that was deleted', async () => {
    const client = await connect(system.url, { user: 'demo' })
    const linesOf = ({ out }: Ended, beginning: string) =>
      out.split('\n').filter((line) => line.startsWith(beginning))

    const first = await run('demo', '--url', system.url)
    expect(first).toMatchObject({ code: 0, error: '' })
    expect(linesOf(first, 'added')).toHaveLength(9)
    const images = await client.newest(100)
    expect(images.map(({ title }) => title)).toEqual(photographs.map(({ title }) => title).toReversed())

    const second = await run('demo', '--url', `${system.url}/`)
    expect(linesOf(second, 'was there')).toHaveLength(9)
    expect(await client.newest(100)).toEqual(images)

    const headers = { authorization: `Bearer ${await tokenOf('demo')}` }
    await fetch(`${system.url}/images/${images[0]!.id}`, { method: 'DELETE', headers })
    const third = await run('demo', '--url', system.url)
    expect(third.code).toBe(0)
    expect(linesOf(third, 'added')).toHaveLength(1)
    expect(await client.newest(100)).toHaveLength(9)
  })

  it('names URLs that work', async () => {
    const { out } = await run('demo', '--url', system.url)
    const urls = out.match(/http:\S+\/i\/\S+/g) ?? []
    expect(urls).toHaveLength(3)
    for (const url of urls) expect((await fetch(url)).status).toBe(200)
  })

  it('says what to do when the system is not running', async () => {
    const { code, error } = await run('demo', '--url', nowhere)
    expect(error).toBe(`No Tintype answers at ${nowhere}. Start it with: npm start\n`)
    expect(code).toBe(1)
  })
})

describe('npm run warm', () => {
  it('fills what browsers ask for, and finds it warm the second time', async () => {
    const user = 'warm'
    await run('demo', '--url', system.url, '--user', user)
    const options = ['--url', system.url, '--user', user, '--images', '2', '--rungs', '640,1256']

    const first = await run('warm', ...options)
    expect(first.code).toBe(0)
    expect(requestsIn(first)).toMatchObject({ 'avif filled': 4, 'webp filled': 4, 'avif already warm': 0 })
    const second = await run('warm', ...options)
    expect(requestsIn(second)).toMatchObject({
      'avif filled': 0,
      'avif already warm': 4,
      'webp already warm': 4,
    })

    const [newest, , third] = await (await connect(system.url, { user })).newest(3)
    for (const accept of ['image/avif,image/webp,*/*', 'image/webp,*/*']) {
      expect(await cacheFor(newest!.srcset!, '640w', accept)).toBe('Hit from cloudfront')
      // The width of the original, which is no rung.
      expect(await cacheFor(newest!.srcset!, '1024w', accept)).toBe('Hit from cloudfront')
    }
    expect(await cacheFor(third!.srcset!, '640w', 'image/avif')).toBe('Miss from cloudfront')
  })

  it('ends with an error when something could not be filled', async () => {
    const url = await serveOneImage((response) => response.writeHead(503).end())
    const { code, out } = await run('warm', '--url', url, '--rungs', '640')
    expect(requestsIn({ out })).toMatchObject({ 'avif failed': 1, 'webp failed': 1, 'webp filled': 0 })
    expect(out).toContain('f=webp: status 503')
    expect(code).toBe(1)
  })

  it('prints the table so far when it is interrupted', async () => {
    let interrupt = (): unknown => undefined
    const url = await serveOneImage((response, query) => {
      if (query.get('f') === 'webp') return interrupt()
      return response
        .writeHead(200, { 'content-type': 'image/avif', 'x-cache': 'Miss from cloudfront' })
        .end()
    })
    const command = start('warm', '--url', url, '--rungs', '640', '--concurrency', '1')
    interrupt = () => command.process.kill('SIGINT')
    const { code, out } = await command.ended
    expect(requestsIn({ out })).toMatchObject({ 'avif filled': 1, 'webp filled': 0, 'webp failed': 0 })
    expect(out).toContain('Interrupted after 1 of 2 requests.')
    expect(code).toBe(130)
  })

  it('refuses a format that is none', async () => {
    const { code, error } = await run('warm', '--url', system.url, '--formats', 'gif')
    expect(error).toContain('gif is not a format; there are avif, webp')
    expect(code).toBe(1)
  })

  it('says what to do when the system is not running', async () => {
    const { code, error } = await run('warm', '--url', nowhere)
    expect(error).toContain('Start it with: npm start')
    expect(code).toBe(1)
  })
})

async function tokenOf(sub: string): Promise<string> {
  const response = await fetch(`${system.url}/dev/token`, { method: 'POST', body: JSON.stringify({ sub }) })
  return ((await response.json()) as { token: string }).token
}

/** The requests column of the table, by format and outcome. */
function requestsIn({ out }: Pick<Ended, 'out'>): Record<string, number> {
  const rows = out.matchAll(/│ (\w+) +│ ([a-z ]*[a-z]) +│ +(\d+) │/g)
  return Object.fromEntries(
    [...rows].map(([, format, outcome, requests]) => [`${format} ${outcome}`, Number(requests)]),
  )
}

async function cacheFor(srcset: string, descriptor: string, accept: string): Promise<string | null> {
  const candidate = srcset.split(', ').find((each) => each.endsWith(` ${descriptor}`))!
  const response = await fetch(candidate.split(' ')[0]!, { headers: { accept } })
  return response.headers.get('x-cache')
}
