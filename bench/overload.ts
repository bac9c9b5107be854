import { mkdtemp, rm } from 'node:fs/promises'
import { Agent, get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Table from 'cli-table3'
import { Command } from 'commander'
import type { ImageView } from '../api/image-view.ts'
import { aspectRatios, bandNames, formats, rungs } from '../core/ladder.ts'
import { largePhotograph } from '../local/large-photograph.ts'
import { peakMemoryBytes } from '../local/testing/peak-memory.ts'
import { startSystemProcess, type SystemProcess } from '../local/testing/system-process.ts'

const { rounds, seconds, perSecond } = new Command('npm run bench:overload --')
  .description('Warm hits, alone and while a flood of different cold pictures comes in, in turns.')
  .option('--rounds <number>', 'turns of each', Number, 3)
  .option('--seconds <number>', 'length of a turn', Number, 5)
  .option('--per-second <number>', 'warm hits, and cold requests, a second', Number, 200)
  .parse()
  .opts<{ rounds: number; seconds: number; perSecond: number }>()

const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY })
const dir = await mkdtemp(join(tmpdir(), 'tintype-bench-overload-'))
const system = await startSystemProcess({ dataDir: dir })
try {
  await measure(system)
} finally {
  await system.end('SIGTERM')
  await rm(dir, { recursive: true })
}

interface Answers {
  milliseconds: number[]
  statuses: Map<number, number>
}

async function measure({ url, child }: SystemProcess): Promise<void> {
  const image = await uploadOne(url)
  const warm = `/i/${image.id}?r=${image.rev}&w=${rungs[3]}`
  await ask(url, warm)
  const cold = coldPaths(image)
  const alone: Answers[] = []
  const flooded: Answers[] = []
  const flood: Answers = { milliseconds: [], statuses: new Map() }
  for (let round = 0; round < rounds; round++) {
    alone.push(await pace(url, () => warm))
    const [hits, colds] = await Promise.all([pace(url, () => warm), pace(url, () => cold.next().value!)])
    flooded.push(hits)
    flood.milliseconds.push(...colds.milliseconds)
    for (const [status, count] of colds.statuses) {
      flood.statuses.set(status, (flood.statuses.get(status) ?? 0) + count)
    }
    // What the flood has queued is rendered before the next turn.
    await new Promise((resolve) => setTimeout(resolve, 12_000))
  }
  const table = new Table({
    head: ['warm hits', 'requests', 'p50 ms', 'p95 ms', 'p99 ms'],
    colAligns: ['left', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  })
  for (const [name, turns] of [
    ['alone', alone],
    ['in a flood', flooded],
  ] as const) {
    const times = turns.flatMap(({ milliseconds }) => milliseconds)
    table.push([
      name,
      String(times.length),
      ...[0.5, 0.95, 0.99].map((share) => quantile(times, share).toFixed(1)),
    ])
  }
  console.log(table.toString())
  const answers = [...flood.statuses].map(([status, count]) => `${count} x ${status}`).join(', ')
  console.log(`Flood of ${perSecond} different cold pictures a second, of 12 megapixels: ${answers}`)
  console.log(
    `Most memory of the system's process: ${((await peakMemoryBytes(child.pid!)) / 1e6).toFixed(0)} MB`,
  )
}

async function uploadOne(url: string): Promise<ImageView> {
  const issued = await fetch(`${url}/dev/token`, { method: 'POST', body: JSON.stringify({ sub: 'bench' }) })
  const { token } = (await issued.json()) as { token: string }
  const form = new FormData()
  form.set('file', new Blob([await largePhotograph()], { type: 'image/jpeg' }), 'large.jpg')
  const headers = { authorization: `Bearer ${token}` }
  const response = await fetch(`${url}/images`, { method: 'POST', headers, body: form })
  if (!response.ok) throw new Error(`the upload failed: ${await response.text()}`)
  return (await response.json()) as ImageView
}

function* coldPaths({ id, rev }: ImageView): Generator<string, undefined> {
  for (const format of formats) {
    for (const ratio of aspectRatios) {
      for (const quality of bandNames) {
        for (const width of rungs) yield `/i/${id}?r=${rev}&w=${width}&ar=${ratio}&q=${quality}&f=${format}`
      }
    }
  }
  throw new Error('There are no more cold pictures: ask for fewer turns')
}

/** Sends requests at a steady pace, whether or not the earlier ones have been answered. */
async function pace(url: string, next: () => string): Promise<Answers> {
  const answers: Answers = { milliseconds: [], statuses: new Map() }
  const pending: Promise<void>[] = []
  const startedAt = performance.now()
  for (let sent = 0; sent < perSecond * seconds; sent++) {
    const dueAt = startedAt + (sent * 1000) / perSecond
    const waitMs = dueAt - performance.now()
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
    pending.push(
      ask(url, next()).then(({ status, milliseconds }) => {
        answers.milliseconds.push(milliseconds)
        answers.statuses.set(status, (answers.statuses.get(status) ?? 0) + 1)
      }),
    )
  }
  await Promise.all(pending)
  return answers
}

function ask(url: string, path: string): Promise<{ status: number; milliseconds: number }> {
  const startedAt = performance.now()
  const { port } = new URL(url)
  return new Promise((resolve, reject) => {
    // By address: looking up a name for every connection would take longer than the answers.
    get({ agent, hostname: '127.0.0.1', port, path, headers: { accept: 'image/avif,*/*' } }, (response) => {
      response.on('error', reject)
      response.on('end', () =>
        resolve({ status: response.statusCode!, milliseconds: performance.now() - startedAt }),
      )
      response.resume()
    }).on('error', reject)
  })
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!
}
