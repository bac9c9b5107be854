import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Table from 'cli-table3'
import { Command } from 'commander'
import type { ImageView } from '../api/image-view.ts'
import { photographs } from '../local/photographs.ts'
import { startSystemProcess } from '../local/testing/system-process.ts'

const { images, reads, concurrency } = new Command('npm run bench:api --')
  .description('Latency of the API under concurrent load, on the embedded stores, in a process of its own.')
  .option('--images <number>', 'images to upload, change and delete', Number, 200)
  .option('--reads <number>', 'reads of each kind', Number, 2000)
  .option('--concurrency <number>', 'requests at once', Number, 8)
  .parse()
  .opts<{ images: number; reads: number; concurrency: number }>()

/** Milliseconds that 95 of 100 requests must not exceed. */
const goals = { upload: 1000, get: 50, 'list of 20': 100, update: 80, delete: 100 } as const
type Call = keyof typeof goals

const dataDir = await mkdtemp(join(tmpdir(), 'tintype-bench-'))
const system = await startSystemProcess({ dataDir })
try {
  await measure()
} finally {
  await system.end('SIGTERM')
  await rm(dataDir, { recursive: true })
}

async function measure(): Promise<void> {
  const authorization = `Bearer ${await devToken()}`
  const files = await Promise.all(photographs.map(async ({ path }) => new Blob([await readFile(path)])))
  const ids: string[] = []
  const at = (index: number): string => `${system.url}/images/${ids[index % ids.length]}`

  const uploads = await timed(images, async (i) => {
    const body = new FormData()
    body.append('file', files[i % files.length]!, 'photo.jpg')
    const { id } = (await call('POST', `${system.url}/images`, { body })) as ImageView
    ids.push(id)
  })
  const gets = await timed(reads, (i) => call('GET', at(i)))
  const lists = await timed(reads, () => call('GET', `${system.url}/images?limit=20`))
  const updates = await timed(images, (i) => {
    const headers = { 'content-type': 'application/json' }
    return call('PATCH', at(i), { headers, body: JSON.stringify({ version: 1, title: `Number ${i}` }) })
  })
  const deletes = await timed(images, (i) => call('DELETE', at(i)))

  const results: Record<Call, Timing> = {
    upload: uploads,
    get: gets,
    'list of 20': lists,
    update: updates,
    delete: deletes,
  }
  print(results)

  async function call(method: string, url: string, init: RequestInit = {}): Promise<unknown> {
    const headers = { ...(init.headers as Record<string, string>), authorization }
    const response = await fetch(url, { ...init, method, headers })
    if (!response.ok) throw new Error(`${method} ${url}: ${response.status} ${await response.text()}`)
    return response.status === 204 ? null : response.json()
  }
}

interface Timing {
  milliseconds: number[]
  perSecond: number
}

/** Runs a call some times, never more than `concurrency` at once. */
async function timed(times: number, work: (index: number) => Promise<unknown>): Promise<Timing> {
  const milliseconds: number[] = []
  let next = 0
  const started = performance.now()
  const worker = async (): Promise<void> => {
    for (let index = next++; index < times; index = next++) {
      const begun = performance.now()
      await work(index)
      milliseconds.push(performance.now() - begun)
    }
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
  const perSecond = (times / (performance.now() - started)) * 1000
  return { milliseconds: milliseconds.toSorted((a, b) => a - b), perSecond }
}

async function devToken(): Promise<string> {
  const response = await fetch(`${system.url}/dev/token`, { method: 'POST', body: '{"sub":"bench"}' })
  return ((await response.json()) as { token: string }).token
}

function print(results: Record<Call, Timing>): void {
  const table = new Table({
    head: ['call', 'requests', 'per second', 'p50 ms', 'p95 ms', 'p99 ms', 'goal p95', 'of the goal'],
    style: { head: [], border: [], compact: true },
  })
  for (const [name, { milliseconds, perSecond }] of Object.entries(results) as [Call, Timing][]) {
    const quantile = (q: number): number =>
      milliseconds[Math.min(milliseconds.length - 1, Math.floor(q * milliseconds.length))]!
    const p95 = quantile(0.95)
    table.push([
      name,
      milliseconds.length,
      perSecond.toFixed(0),
      quantile(0.5).toFixed(1),
      p95.toFixed(1),
      quantile(0.99).toFixed(1),
      goals[name],
      `${(p95 / goals[name]).toFixed(2)} x`,
    ])
  }
  console.log(`${concurrency} requests at once, embedded stores on disk, client and server on this machine`)
  console.log(table.toString())
}
