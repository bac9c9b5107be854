import { mkdtemp, rm } from 'node:fs/promises'
import { Agent, get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { rungs } from '../core/ladder.ts'
import { largePhotograph } from '../local/large-photograph.ts'
import { peakMemoryBytes } from '../local/testing/peak-memory.ts'
import { startSystemProcess, type SystemProcess } from '../local/testing/system-process.ts'
import { counter, type ImageJson, tokenFor, upload } from './test-system.ts'

const megabyte = 1e6

let dataDir: string
let system: SystemProcess
let image: ImageJson

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'tintype-overload-'))
  system = await startSystemProcess({ dataDir })
  const response = await upload(system.url, await tokenFor(system.url, 'ann'), await largePhotograph())
  image = (await response.json()) as ImageJson
})

afterAll(async () => {
  await system?.end('SIGTERM')
  await rm(dataDir, { recursive: true, force: true })
})

interface Answer {
  status: number
  cacheControl: string
  retryAfter: string | undefined
  bytes: number
}

/** Sends all requests at once, each on a connection of its own, as different viewers do. */
function askAll(paths: readonly string[]): Promise<Answer[]> {
  const agent = new Agent({ maxSockets: Number.POSITIVE_INFINITY })
  const { hostname, port } = new URL(system.url)
  return Promise.all(
    paths.map(
      (path) =>
        new Promise<Answer>((resolve, reject) => {
          get({ agent, hostname, port, path, headers: { accept: 'image/webp' } }, (response) => {
            let bytes = 0
            response.on('data', (chunk: Buffer) => (bytes += chunk.length))
            response.on('error', reject)
            response.on('end', () =>
              resolve({
                status: response.statusCode!,
                cacheControl: response.headers['cache-control'] ?? '',
                retryAfter: response.headers['retry-after'],
                bytes,
              }),
            )
          }).on('error', reject)
        }),
    ),
  )
}

it('renders once for 200 viewers who come at once', async () => {
  const before = await counter(system.url, 'tintype_renders_total')
  const path = `/i/${image.id}?r=${image.rev}&w=${rungs[3]}`
  const answers = await askAll(Array.from({ length: 200 }, () => path))
  expect(new Set(answers.map(({ status, bytes }) => `${status} ${bytes}`)).size).toBe(1)
  expect(answers[0]).toMatchObject({ status: 200 })
  expect(await counter(system.url, 'tintype_renders_total')).toBe(before + 1)
})

it.runIf(process.platform === 'linux')(
  'stays within bounded memory when 600 different cold pictures are asked for at once',
  async () => {
    const before = await peakMemoryBytes(system.child.pid!)
    const ratios = ['16:9', '3:2', '4:3', '1:1', '3:4', '2:3', '9:16']
    const paths = rungs.flatMap((width) =>
      ratios.flatMap((ratio) =>
        ['low', 'medium', 'high'].flatMap((quality) =>
          ['webp', 'jpeg', 'avif'].map(
            (format) => `/i/${image.id}?r=${image.rev}&w=${width}&ar=${ratio}&q=${quality}&f=${format}`,
          ),
        ),
      ),
    )
    const answers = await askAll(paths.slice(0, 600))
    const renders = await counter(system.url, 'tintype_renders_total')

    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 503]))
    for (const { status, retryAfter } of answers) if (status === 503) expect(retryAfter).toBe('10')
    // Two at a time and 64 that wait: the others are refused, or get what is stored already.
    expect(renders).toBeLessThan(200)
    expect(((await peakMemoryBytes(system.child.pid!)) - before) / megabyte).toBeLessThan(400)

    // When it is over, what was refused can be had.
    const refused = paths[answers.findIndex(({ status }) => status === 503)]!
    await new Promise((resolve) => setTimeout(resolve, 10_500))
    expect((await askAll([refused]))[0]).toMatchObject({ status: 200 })
  },
)
