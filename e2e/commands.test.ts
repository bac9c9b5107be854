import { type ChildProcess, execFile } from 'node:child_process'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createWriteStream } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createGzip, gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { photographs } from '../local/photographs.ts'
import { connect } from '../scripts/api-client.ts'
import { logHead, logLine } from '../scripts/warm/cloudfront-log.fixture.ts'
import { startTestSystem, type TestSystem, tokenFor, upload } from './test-system.ts'

const repository = fileURLToPath(new URL('..', import.meta.url))
/** Nothing listens there. */
const nowhere = 'http://localhost:1'

let system: TestSystem
let directory: string

beforeAll(async () => {
  system = await startTestSystem()
  directory = await mkdtemp(join(tmpdir(), 'tintype-commands-'))
})

afterAll(async () => {
  await system.remove()
  await rm(directory, { recursive: true })
})

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

    const headers = { authorization: `Bearer ${await tokenFor(system.url, 'demo')}` }
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
  let states = 0
  /** Options that keep the state apart from that of other tests. */
  function stateOptions(): string[] {
    return ['--state', join(directory, `state-${states++}.jsonl`)]
  }

  function warm(...options: string[]): Promise<Ended> {
    return run('warm', '--url', system.url, ...stateOptions(), ...options)
  }

  const filled = { 'content-type': 'image/avif', 'x-cache': 'Miss from cloudfront' }

  it('fills what browsers ask for, and finds it warm the second time, and in the bucket after a restart', async () => {
    const user = 'warm'
    await run('demo', '--url', system.url, '--user', user)
    const options = ['--user', user, '--images', '2', '--rungs', '640,1256']

    const dry = await warm(...options, '--dry-run')
    expect(dry.out).toContain('Warming the newest images: 8 requests, about ')
    expect(dry.code).toBe(0)
    const first = await warm(...options)
    expect(first.code).toBe(0)
    // The dry run asked for nothing, so all of it was cold.
    expect(variantsIn(first)).toEqual({ 'avif rendered': 4, 'webp rendered': 4 })
    expect(first.out).toContain('Hit rate gained: 8 of 8 variants (100.0 %) were cold and are warm now')
    const second = await warm(...options)
    expect(variantsIn(second)).toEqual({ 'avif already warm': 4, 'webp already warm': 4 })

    const [newest, , third] = await (await connect(system.url, { user })).newest(3)
    for (const accept of ['image/avif,image/webp,*/*', 'image/webp,*/*']) {
      expect(await cacheFor(newest!.srcset!, '640w', accept)).toBe('Hit from cloudfront')
      // The width of the original, which is no rung.
      expect(await cacheFor(newest!.srcset!, '1024w', accept)).toBe('Hit from cloudfront')
    }
    expect(await cacheFor(third!.srcset!, '640w', 'image/avif')).toBe('Miss from cloudfront')

    await system.restart()
    expect(variantsIn(await warm(...options))).toEqual({ 'avif from bucket': 4, 'webp from bucket': 4 })
  })

  it('fills an album, and the images of a list', async () => {
    const token = await tokenFor(system.url, 'lists')
    const bytes = new Uint8Array(await readFile(photographs[0]!.path))
    const ids: string[] = []
    for (const details of [{ albumId: 'best' }, { albumId: 'best', visibility: 'private' }, {}]) {
      const image = await upload(system.url, token, bytes)
      const { id, version } = (await image.json()) as { id: string; version: number }
      await fetch(`${system.url}/images/${id}`, {
        method: 'PATCH',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ title: 'x', ...details, version }),
      })
      ids.push(id)
    }
    const options = ['--user', 'lists', '--rungs', '264', '--formats', 'webp']
    const album = await warm('--from', 'album:best', ...options)
    expect(variantsIn(album)).toEqual({ 'webp rendered': 1 })
    expect(album.out).toContain('Left out: private images (1).')

    const file = join(directory, 'ids.txt')
    await writeFile(file, [...ids, '01ARZ3NDEKTSV4RRFFQ69G5FAV'].join('\n'))
    const list = await warm('--from', `ids:${file}`, ...options)
    expect(variantsIn(list)).toEqual({ 'webp already warm': 1, 'webp rendered': 1 })
    expect(list.out).toContain('Left out: private images (1), ids without an image that you may see (1).')
  })

  it('fills what the viewers of a CloudFront log asked for, most wanted first', async () => {
    const user = 'logged'
    await run('demo', '--url', system.url, '--user', user)
    const [image] = await (await connect(system.url, { user })).newest(1)
    const url = `/i/${image!.id}?r=${image!.rev}`
    const log = [
      ...logHead,
      logLine(`${url}&w=320`, { type: 'image/avif' }),
      ...Array.from({ length: 6 }, () => logLine(`${url}&w=300&ar=1%3A1&q=90`, { type: 'image/webp' })),
      ...Array.from({ length: 2 }, () => logLine(`${url}&preset=thumb`, { type: 'image/jpeg' })),
      logLine(`/p/${image!.id}?w=640&e=1900000000&s=a.640.awjp.x`),
      logLine('/i/nobody?w=640', { status: 400 }),
    ]
    const file = join(directory, 'E2A1.2026-11-22-13.gz')
    await writeFile(file, gzipSync(`${log.join('\n')}\n`))

    const first = await warm('--from', `log:${file}`, '--budget', '2')
    expect(variantsIn(first)).toEqual({ 'webp rendered': 1, 'jpeg rendered': 1 })
    expect(first.out).toContain('Left out: private requests (1), requests for something else or failed (1).')
    expect(first.out).toContain('The budget of 2 requests cuts the plan: 1 of 3 are not asked for.')
    // 2 - e^-6 - e^-2 misses of 9 requests; 8 of them ask for these two.
    expect(first.out).toContain('Hit rate gained: 20.7 %. Were the 9 requests of the log to come again, 1.9')
    expect(first.out).toContain('What is warm now makes up 88.9 % of them.')

    for (const [query, accept] of [
      ['&w=300&ar=1:1&q=90', 'image/webp'],
      ['&preset=thumb', 'image/jpeg'],
    ] as const) {
      const response = await fetch(system.url + url + query, { headers: { accept } })
      expect(response.headers.get('x-cache')).toBe('Hit from cloudfront')
    }
    const second = await warm('--from', `log:${file}`)
    expect(variantsIn(second)).toEqual({ 'avif rendered': 1, 'webp already warm': 1, 'jpeg already warm': 1 })
  })

  it('plans from a log that is larger than its memory', async () => {
    const file = join(directory, 'large.gz')
    const referrer = `https://www.example.com/${'x'.repeat(2000)}`
    const ids = Array.from({ length: 60_000 }, (_, i) => `01ARZ3NDEKTSV4RRFFQ${String(i).padStart(7, '0')}`)
    const lines = ids.map((id) => `/i/${id}\tw=640\t200\t${referrer}\n`)
    const log = Readable.from(['#Fields: cs-uri-stem cs-uri-query sc-status cs(Referer)\n', ...lines])
    await pipeline(log, createGzip({ level: 1 }), createWriteStream(file))

    const node = [process.execPath, '--max-old-space-size=96', '--import', 'tsx', 'scripts/warm.ts'] as const
    const options = ['--from', `log:${file}`, '--formats', 'webp', '--dry-run']
    const { stdout } = await promisify(execFile)(node[0], [...node.slice(1), ...options], { cwd: repository })
    expect(stdout).toContain(
      'The budget of 10,000 requests cuts the plan: 50,000 of 60,000 are not asked for.',
    )
  })

  it('goes on after kill -9 where it was, and asks nothing again that was answered', async () => {
    const asked: string[] = []
    let kill: (() => unknown) | null = null
    const url = await serveOneImage((response, query) => {
      asked.push(`${query.get('w')} ${query.get('f')}`)
      if (asked.length === 4 && kill !== null) return kill()
      return response.writeHead(200, { ...filled, 'content-type': `image/${query.get('f')}` }).end('12345')
    })
    const options = ['--url', url, '--rungs', '264,640,1256', '--concurrency', '1', ...stateOptions()]
    const killed = start('warm', ...options)
    kill = () => killed.process.kill('SIGKILL')
    await killed.ended
    kill = null
    expect(asked).toEqual(['264 avif', '264 webp', '640 avif', '640 webp'])

    asked.length = 0
    const { out, code } = await run('warm', ...options)
    expect(asked).toEqual(['640 webp', '1256 avif', '1256 webp'])
    expect(variantsIn({ out })).toEqual({ 'avif rendered': 3, 'webp rendered': 3 })
    expect(out).toContain(
      '6 of 6 variants asked for, 3 of them in an earlier run; 7 requests sent, 1 of them again.',
    )
    expect(code).toBe(0)

    // That one came to its end: the next begins anew.
    asked.length = 0
    await run('warm', ...options)
    expect(asked).toHaveLength(6)
  })

  it('keeps to one budget over interrupted runs', async () => {
    let asked = 0
    let kill: (() => unknown) | null = null
    const url = await serveOneImage((response, query) => {
      asked++
      if (asked === 3) return kill!()
      return response.writeHead(200, { ...filled, 'content-type': `image/${query.get('f')}` }).end()
    })
    const options = [
      '--url',
      url,
      '--rungs',
      '264,640,1256',
      '--budget',
      '4',
      '--concurrency',
      '1',
      ...stateOptions(),
    ]
    const killed = start('warm', ...options)
    kill = () => killed.process.kill('SIGKILL')
    await killed.ended
    const { out, code } = await run('warm', ...options)
    // The third was asked for twice.
    expect(asked).toBe(4)
    expect(out).toContain('The budget of 4 requests is used up by repetitions.')
    expect(code).toBe(1)
  })

  it('waits as long as Retry-After asks', async () => {
    let refusals = 2
    const url = await serveOneImage((response) => {
      if (refusals-- > 0) return response.writeHead(503, { 'retry-after': '0' }).end()
      return response.writeHead(200, filled).end()
    })
    const { code, out } = await run(
      'warm',
      '--url',
      url,
      '--rungs',
      '640',
      '--formats',
      'avif',
      ...stateOptions(),
    )
    expect(variantsIn({ out })).toEqual({ 'avif rendered': 1 })
    expect(out).toContain('3 requests sent, 2 of them again.')
    expect(code).toBe(0)
  })

  it('ends with an error when something could not be filled, and asks for that alone the next time', async () => {
    const asked: (string | null)[] = []
    const url = await serveOneImage((response, query) => {
      asked.push(query.get('f'))
      return query.get('f') === 'avif' ? response.writeHead(200, filled).end() : response.writeHead(500).end()
    })
    const options = ['--url', url, '--rungs', '640', ...stateOptions()]
    const { code, out } = await run('warm', ...options)
    expect(variantsIn({ out })).toEqual({ 'avif rendered': 1, 'webp failed': 1 })
    expect(out).toContain('f=webp: status 500')
    expect(code).toBe(1)
    await run('warm', ...options)
    expect(asked).toEqual(['avif', 'webp', 'webp'])
  })

  it('prints the table so far when it is interrupted, and goes on from there', async () => {
    let interrupt = (): unknown => undefined
    const url = await serveOneImage((response, query) => {
      if (query.get('f') === 'webp') return interrupt()
      return response.writeHead(200, filled).end()
    })
    const options = ['--url', url, '--rungs', '640', '--concurrency', '1', ...stateOptions()]
    const command = start('warm', ...options)
    interrupt = () => command.process.kill('SIGINT')
    const { code, out } = await command.ended
    expect(variantsIn({ out })).toEqual({ 'avif rendered': 1 })
    expect(out).toContain('1 of 2 variants asked for; 2 requests sent')
    expect(out).toContain('Interrupted. Within a day the same command goes on from there.')
    expect(code).toBe(130)

    const again = start('warm', ...options)
    interrupt = () => again.process.kill('SIGTERM')
    const ended = await again.ended
    expect(ended.out).toContain('1 of 2 variants asked for, 1 of them in an earlier run; 3 requests sent')
    expect(ended.code).toBe(143)
  })

  it('shows lines, not a bar, where there is no terminal', async () => {
    const url = await serveOneImage((response) => response.writeHead(200, filled).end())
    const { error } = await run(
      'warm',
      '--url',
      url,
      '--rungs',
      '640',
      '--formats',
      'avif',
      ...stateOptions(),
    )
    expect(error).toMatch(/^(0\/1\n)+1\/1\n+$/)
  })

  it.each([
    [['--formats', 'gif'], 'gif is not a format; there are avif, webp'],
    [['--rungs', '641'], '641 is not a rung'],
    [['--from', 'yesterday'], 'yesterday is no source; there are recent, album:<id>, ids:<file>'],
    [['--from', 'log:x', '--rungs', 'all'], '--rungs means nothing with a log'],
    [['--from', 'ids:x', '--images', '3'], '--images means nothing with ids'],
    [['--from', 'log:/absent'], '/absent cannot be read: ENOENT'],
    [['--from', 'ids:/absent'], '/absent cannot be read: ENOENT'],
    [['--from', 'log:package.json'], 'There is no request for a public image in package.json'],
    [['--from', 'ids:package.json'], 'package.json, line 1: { is no image id'],
    [['--rate', '0'], 'It must be a number from 0.01'],
    [['--budget', '-1'], 'It must be a whole number from 1.'],
    [['--cdn', 'img.example.com'], 'It must be like https://img.example.com.'],
    [['--bogus'], "unknown option '--bogus'"],
  ])('refuses %j with exit code 2', async (options, message) => {
    const { code, error } = await warm(...options)
    expect(error).toContain(message)
    expect(code).toBe(2)
  })

  it('says what to do when the system is not running', async () => {
    const { code, error } = await run('warm', '--url', nowhere)
    expect(error).toContain('Start it with: npm start')
    expect(code).toBe(1)
  })
})

/** The variants column of the table, by format and outcome. */
function variantsIn({ out }: Pick<Ended, 'out'>): Record<string, number> {
  const rows = out.matchAll(/│ (\w+) +│ ([a-z ]*[a-z]) +│ +(\d+) │/g)
  return Object.fromEntries(
    [...rows].map(([, format, outcome, variants]) => [`${format} ${outcome}`, Number(variants)]),
  )
}

async function cacheFor(srcset: string, descriptor: string, accept: string): Promise<string | null> {
  const candidate = srcset.split(', ').find((each) => each.endsWith(` ${descriptor}`))!
  const response = await fetch(candidate.split(' ')[0]!, { headers: { accept } })
  return response.headers.get('x-cache')
}
