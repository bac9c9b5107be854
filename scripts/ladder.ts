import { readFile } from 'node:fs/promises'
import { Command, InvalidArgumentError, Option } from 'commander'
import { assumedCaches } from '../bench/simulator/cache-tiers.ts'
import { tintype } from '../bench/simulator/set-ups.ts'
import { simulate, assumedWarmUpShare as warmUpShare } from '../bench/simulator/simulate.ts'
import { neededWidth, r1, viewings, viewingsOf, type Workload } from '../bench/simulator/workload.ts'
import { rungs as presentLadder } from '../core/ladder.ts'
import { CommandError, connect, type Identity } from './api-client.ts'
import { run } from './exit.ts'
import { linesOf } from './ladder/log-file.ts'
import { countWidths, observeLines, readLedger } from './ladder/observed-widths.ts'
import { type ObservedWidth, optimalLadder } from './ladder/optimal-ladder.ts'
import { ladderTable, type LadderRow, lineSentence, rungTable } from './ladder/report.ts'

/** The block size of JPEG, as in core/ladder.ts. */
const step = 8
/** Ladders are tried on other requests than they were made from, lest they fit these alone. */
const trialSeed = 22
const drawnFromObserved = 'each width drawn from those observed'

interface Options {
  rungs: number[]
  ledger?: true
  url: string
  token?: string
  days: number
}

const command = new Command('npm run ladder --')
  .description(
    'Computes the ladder that delivers the fewest extra pixels for the widths that were asked for.',
  )
  .argument(
    '[files...]',
    'CloudFront logs or lists of URLs (also .gz), or a ledger (.json); else the workload R1',
  )
  .option('--ledger', 'take the ledger of a running system')
  .option('--url <url>', 'where its API is', 'http://localhost:4000')
  .addOption(new Option('--token <token>', "an administrator's token").env('TINTYPE_TOKEN'))
  .option('--days <number>', 'how many days of the ledger', readDays, 30)
  .option('--rungs <numbers>', 'how many rungs, such as 10,20', readCounts, [10, 12, presentLadder.length])
  .parse()
const options = command.opts<Options>()

await run(async () => {
  const source = await readSource(command.args)
  const observed = capAt(presentLadder.at(-1)!, source.observed)
  const ladders: [name: string, ladder: readonly number[]][] = [
    ['present', presentLadder],
    ...options.rungs.map((rungs): [string, number[]] => [
      `best of ${rungs}`,
      optimalLadder(observed, { rungs, step }),
    ]),
  ]
  console.log(source.sentence)
  if (source.rungs !== undefined) console.log(source.rungs)
  console.log(
    `Hit rates: ${r1.name}, ${r1.images} images, ${r1.requests} requests a day, ${source.assumption}.`,
  )
  console.log(
    ladderTable(
      observed,
      ladders.map(([name, ladder]) => tryOut(name, ladder, source)),
    ),
  )
})

interface Source {
  readonly kind: 'observed' | 'workload'
  readonly observed: readonly ObservedWidth[]
  readonly sentence: string
  /** what the present rungs cost, as a table */
  readonly rungs?: string
  /** how widths meet images where ladders are tried */
  readonly assumption: string
}

async function readSource(files: readonly string[]): Promise<Source> {
  if (options.ledger && files.length > 0) {
    throw new CommandError('Take the ledger of a system, or files: not both.', { exitCode: 2 })
  }
  if (options.ledger) return fromSystem()
  if (files.length === 0) return fromWorkload()
  const ledgers = files.filter((file) => file.endsWith('.json'))
  if (ledgers.length > 0 && files.length > 1) {
    throw new CommandError('A ledger counts what logs list: give one ledger, or logs.')
  }
  const { observed, sentence } = ledgers.length === 0 ? await fromLogs(files) : await fromLedger(files[0]!)
  if (observed.every(({ requests }) => requests === 0)) {
    throw new CommandError(`There are no widths in ${files.join(', ')}. ${sentence}`)
  }
  return { kind: 'observed', observed, sentence, assumption: drawnFromObserved }
}

function fromWorkload(): Source {
  const observed = countWidths(neededWidths({ ...r1, requests: r1.requests / 4 }))
  return {
    kind: 'workload',
    observed,
    sentence: `Widths of the simulator's workload ${r1.name}: ${observed.length} different ones.`,
    assumption: 'the widths of another seed',
  }
}

async function fromSystem(): Promise<Source> {
  const { url, token, days } = options
  const identity: Identity = token === undefined ? { user: 'operator', scope: 'images:admin' } : { token }
  const { askedWidths, rungs, from, to } = await (await connect(url, identity)).ledger(days)
  if (askedWidths.length === 0) {
    throw new CommandError(`The ledger of ${url} has no widths from ${from} to ${to}: nobody has asked yet.`)
  }
  return {
    kind: 'observed',
    observed: askedWidths,
    sentence: `Ledger of ${url} from ${from} to ${to}: ${askedWidths.length} different widths.`,
    rungs: rungTable(rungs),
    assumption: drawnFromObserved,
  }
}

async function fromLogs(files: readonly string[]): Promise<{ observed: ObservedWidth[]; sentence: string }> {
  const { widths, lines } = await observeLines(linesOfAll(files))
  return { observed: widths, sentence: lineSentence(lines) }
}

async function fromLedger(file: string): Promise<{ observed: ObservedWidth[]; sentence: string }> {
  try {
    const observed = readLedger(await readFile(file, 'utf8'))
    return { observed, sentence: `${observed.length} different widths in the ledger.` }
  } catch (error) {
    throw new CommandError(`${file} is no ledger: ${(error as Error).message}`)
  }
}

async function* linesOfAll(files: readonly string[]): AsyncGenerator<string, void, undefined> {
  for (const file of files) {
    try {
      yield* linesOf(file)
    } catch (error) {
      throw new CommandError(`${file} cannot be read: ${(error as Error).message}`)
    }
  }
}

function* neededWidths(workload: Workload): Generator<number, void, undefined> {
  for (const viewing of viewings(workload)) yield neededWidth(viewing)
}

/** What is wider than the largest rung is delivered at that width, on the new ladder too. */
function capAt(largest: number, observed: readonly ObservedWidth[]): ObservedWidth[] {
  return observed.map(({ width, requests }) => ({ width: Math.min(width, largest), requests }))
}

function tryOut(name: string, ladder: readonly number[], { kind, observed }: Source): LadderRow {
  const workload = { ...r1, seed: trialSeed }
  const requests = kind === 'workload' ? viewings(workload) : viewingsOf(workload, observed)
  const measured = simulate({
    workload,
    viewings: requests,
    setUp: tintype(ladder),
    caches: assumedCaches,
    warmUpShare,
  })
  return { name, ladder, ...measured }
}

function readDays(text: string): number {
  const days = Number(text)
  if (Number.isInteger(days) && days >= 1 && days <= 366) return days
  throw new InvalidArgumentError('It must be a whole number from 1 to 366.')
}

function readCounts(text: string): number[] {
  return text.split(',').map((item) => {
    if (!/^[1-9]\d{0,2}$/.test(item))
      throw new InvalidArgumentError('They must be whole numbers from 1 to 999.')
    return Number(item)
  })
}
