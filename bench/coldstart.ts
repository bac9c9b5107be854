import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, loadavg } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import Table from 'cli-table3'
import { Command } from 'commander'
import { buildFunction, bundleForLambda, type LambdaBundle } from '../scripts/build-lambda.ts'
import { bundleParts } from './coldstart/parts.ts'
import type { Report } from './coldstart/report.ts'
import { startStores } from './coldstart/stores.ts'
import { median } from './cpu-time.ts'

const { runs, node, parts } = new Command('npm run bench:coldstart --')
  .description(
    'From the start of a process to its first answer, over a process that does nothing; all in turns.',
  )
  .option('--runs <number>', 'runs of each', Number, 15)
  .option('--node <path>', 'the Node to measure with', process.execPath)
  .option('--parts', 'what each library of the bundle costs by itself, too')
  .parse()
  .opts<{ runs: number; node: string; parts?: true }>()

interface Contender {
  name: string
  bundle: LambdaBundle
  /** Arguments of Node. */
  parameters: readonly string[]
}

interface Run extends Report {
  /** From the start to the end of the process. */
  ms: number
}

const dist = fileURLToPath(new URL('../dist/', import.meta.url))
await mkdir(dist, { recursive: true })
// In the repository, so that bundles find sharp.
const dir = await mkdtemp(join(dist, 'bench-coldstart-'))
const stores = await startStores(dir)
try {
  const contenders = await contendersOf(stores.storedPath, stores.unstoredPath)
  if (parts) for (const { name, bundle } of await bundleParts(dir)) contenders.push(alone(name, bundle))
  const version = await text(spawn(node, ['--version']).stdout)
  const load = loadavg()[0]!.toFixed(1)
  console.log(
    `Node ${version.trim()}, ${runs} runs of each in turns, ${availableParallelism()} cores, load ${load}\n`,
  )
  print(contenders, await runInTurns(contenders))
} finally {
  await stores.stop()
  await rm(dir, { recursive: true, force: true })
}

async function contendersOf(storedPath: string, unstoredPath: string): Promise<Contender[]> {
  const bundled = (name: string): Promise<LambdaBundle> =>
    bundleForLambda(`bench/coldstart/${name}.ts`, join(dir, `${name}.mjs`))
  const invoke = await bundled('invoke')
  const origin = await buildFunction('origin', dir)
  const sdkOrigin = await bundled('sdk-origin')
  const key = storedPath.slice(1)
  const invoked = (name: string, bundle: LambdaBundle, ...parameters: string[]): Contender => ({
    name,
    bundle,
    parameters: [invoke.file, bundle.file, ...parameters],
  })
  return [
    alone('empty process', await bundled('empty')),
    alone('S3 GET, light client', await bundled('light-get'), key),
    alone('S3 GET, SDK', await bundled('sdk-get'), key),
    invoked('origin, stored variant', origin, storedPath),
    invoked('… with the SDK', sdkOrigin, storedPath),
    invoked('… with sharp at once', origin, storedPath, 'eager'),
    invoked('… with both', sdkOrigin, storedPath, 'eager'),
    invoked('origin, first render', origin, unstoredPath),
    invoked('… with the SDK', sdkOrigin, unstoredPath),
  ]
}

function alone(name: string, bundle: LambdaBundle, ...parameters: string[]): Contender {
  return { name, bundle, parameters: [bundle.file, ...parameters] }
}

/** In turns, so that what disturbs the machine disturbs all alike. The first turn warms files and stores. */
async function runInTurns(contenders: readonly Contender[]): Promise<Run[][]> {
  const results: Run[][] = contenders.map(() => [])
  for (let turn = 0; turn <= runs; turn++) {
    for (const [at, { parameters }] of contenders.entries()) {
      const run = await measure(parameters)
      if (turn > 0) results[at]!.push(run)
    }
  }
  return results
}

async function measure(parameters: readonly string[]): Promise<Run> {
  const env = { PATH: process.env['PATH'], ...stores.environment }
  const start = performance.now()
  const child = spawn(node, parameters, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const output = Promise.all([text(child.stdout), text(child.stderr)])
  const [code] = (await once(child, 'exit')) as [number | null]
  const ms = performance.now() - start
  const [out, errors] = await output
  if (code !== 0) throw new Error(`${parameters.join(' ')} ended with ${code}: ${errors}`)
  // Before it may come what a function writes to its log.
  return { ms, ...(JSON.parse(out.trim().split('\n').at(-1)!) as Report) }
}

function print(contenders: readonly Contender[], results: readonly Run[][]): void {
  const head = [
    '',
    'median ms',
    'p95',
    'least',
    'over empty',
    'least over',
    'x empty',
    'CPU ms',
    'RSS MB',
    'kB',
  ]
  const table = new Table({
    head,
    colAligns: head.map((name) => (name === '' ? 'left' : 'right')),
    style: { head: [], border: [], compact: true },
  })
  const empty = summaryOf(results[0]!)
  for (const [at, { name, bundle }] of contenders.entries()) {
    const summary = summaryOf(results[at]!)
    table.push([
      name,
      summary.median.toFixed(1),
      summary.p95.toFixed(1),
      summary.least.toFixed(1),
      (summary.median - empty.median).toFixed(1),
      (summary.least - empty.least).toFixed(1),
      (summary.median / empty.median).toFixed(2),
      summary.cpuMs.toFixed(0),
      (summary.rss / 1024).toFixed(0),
      (bundle.bytes / 1000).toFixed(1),
    ])
  }
  console.log(table.toString())
  console.log(`
S3 GET                  process start, load, one GET of a stored variant through the object store
origin, stored variant  process start, load, one invocation for an alias: reads the record, then the variant
origin, first render    the same for a variant that is not stored: record, original, sharp, AVIF of 640 px
goal: S3 GET, light client, and origin, stored variant, <= 60 ms over the empty process. On a machine that has other
work the least times tell more than the medians.`)
}

function summaryOf(taken: readonly Run[]) {
  const times = taken.map(({ ms }) => ms).toSorted((a, b) => a - b)
  return {
    median: median(times),
    p95: times[Math.ceil(times.length * 0.95) - 1]!,
    least: times[0]!,
    cpuMs: median(taken.map(({ cpuMs }) => cpuMs)),
    rss: median(taken.map(({ rss }) => rss)),
  }
}
