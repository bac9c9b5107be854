import { Command, InvalidArgumentError, Option } from 'commander'
import type { Format } from '../core/ladder.ts'
import { connect, type Identity } from './api-client.ts'
import { exitCodeUsage, run } from './exit.ts'
import { type Journal, openJournal } from './warm/journal.ts'
import { makePlan } from './warm/make-plan.ts'
import { createPacer } from './warm/pacer.ts'
import { parseFormats, type WarmRequest } from './warm/plan.ts'
import { showProgress } from './warm/progress.ts'
import { finalReport, planReport } from './warm/report.ts'
import { parseRungs } from './warm/rungs.ts'
import { describeSource, parseSource, type Source } from './warm/source.ts'
import { type WarmResult, warmUp } from './warm/warm-up.ts'

interface Options {
  from: Source
  images?: number
  rungs: readonly number[]
  formats: Format[]
  rate: number
  concurrency: number
  budget: number
  state: string
  dryRun?: true
  url: string
  cdn?: string
  user: string
  token?: string
}

/** What a shell expects of a program that a signal ended: 128 and the number of the signal. */
const exitCodes = { SIGINT: 130, SIGTERM: 143 } as const

const command = new Command('npm run warm --')
  .description('Fills the CDN by asking it for pictures, before viewers do. docs/warm-up.md tells more.')
  .addOption(
    new Option('--from <source>', 'recent, album:<id>, ids:<file>, or log:<file or folder>')
      .argParser(reading(parseSource))
      .default(parseSource('recent'), 'recent'),
  )
  .option('--images <number>', 'how many of the newest images (recent: 20, album: all)', readCount)
  .addOption(
    new Option('--rungs <widths>', 'hot, all, or widths such as 640,1256; a log names its own')
      .argParser(reading(parseRungs))
      .default(parseRungs('hot'), 'hot'),
  )
  .addOption(
    new Option('--formats <formats>', 'formats such as avif,webp; with a log, for what it does not tell')
      .argParser(reading(parseFormats))
      .default(parseFormats('avif,webp'), 'avif,webp'),
  )
  .option('--rate <number>', 'the most requests per second', readRate, 50)
  .option('--concurrency <number>', 'the most requests at once', readCount, 4)
  .option('--budget <number>', 'the most requests in all', readCount, 10_000)
  .option('--state <file>', 'where an interrupted run leaves what it did', '.data/warm-up.jsonl')
  .option('--dry-run', 'print the plan and ask nothing of the CDN')
  .option('--url <url>', 'where the API is', readUrl, 'http://localhost:4000')
  .option('--cdn <url>', 'where the CDN is (default: where the API says; with a log, --url)', readUrl)
  .option('--user <name>', 'whose images, on a local system', 'demo')
  .addOption(new Option('--token <token>', 'a bearer token, in place of --user').env('TINTYPE_TOKEN'))
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : exitCodeUsage))
  .parse()
const options = command.opts<Options>()
refuseWhatMeansNothing()

await run(async () => {
  const { from, budget, state } = options
  const plan = await makePlan(options, () => connect(options.url, identityOf(options)))
  const { requests } = plan
  console.log(`Warming ${describeSource(from)}: ${planReport(plan, budget)}`)
  if (options.dryRun || requests.length === 0) return

  const journal = await openJournal(state, requests)
  const { results, sent, interruptedBy } = await ask(requests, journal)
  const isWarm = results.filter(({ outcome }) => outcome !== 'failed').length === requests.length
  if (interruptedBy === null) journal.end(isWarm)
  else journal.suspend()

  const resumed = journal.resumed.results.length
  const isInterrupted = interruptedBy !== null
  console.log(finalReport({ plan, budget, results, sent, resumed, isInterrupted }))
  if (isInterrupted) {
    console.log('Interrupted. Within a day the same command goes on from there.')
    process.exitCode = exitCodes[interruptedBy]
  } else if (!isWarm) {
    console.log('Not all of it is warm. Within a day the same command asks for the rest alone.')
    process.exitCode = 1
  }
})

interface Ran {
  results: WarmResult[]
  /** Requests that were sent, by earlier runs too. */
  sent: number
  interruptedBy: Signal | null
}

type Signal = keyof typeof exitCodes

/** Asks for what no earlier run has warmed, and notes down all that happens. */
async function ask(requests: readonly WarmRequest[], journal: Journal): Promise<Ran> {
  const { resumed } = journal
  const results = [...resumed.results]
  let { sent } = resumed
  const interrupt = new AbortController()
  // Once: a second Ctrl-C ends the process at once.
  process.once('SIGINT', (signal) => interrupt.abort(signal))
  process.once('SIGTERM', (signal) => interrupt.abort(signal))

  const warm = new Set(results.map(({ request }) => request))
  const progress = showProgress(requests.length, { done: warm.size })
  const toAsk = requests.filter((request) => !warm.has(request))
  try {
    await warmUp(toAsk, {
      concurrency: options.concurrency,
      pacer: createPacer({ rate: options.rate }),
      budget: options.budget - resumed.spent,
      signal: interrupt.signal,
      onAsk(request) {
        sent++
        journal.asked(request)
      },
      onResult(result) {
        results.push(result)
        journal.result(result)
        progress.step()
      },
    })
  } finally {
    progress.stop()
  }
  return { results, sent, interruptedBy: interrupt.signal.aborted ? interrupt.signal.reason : null }
}

function refuseWhatMeansNothing(): void {
  const { kind } = options.from
  const isGiven = (name: keyof Options) => command.getOptionValueSource(name) === 'cli'
  if (kind === 'log' && isGiven('rungs')) refuse('--rungs means nothing with a log: it names its own widths.')
  if ((kind === 'log' || kind === 'ids') && isGiven('images')) {
    refuse(`--images means nothing with ${kind}: use --budget.`)
  }
}

function refuse(message: string): never {
  return command.error(`error: ${message}`)
}

function identityOf({ user, token }: Options): Identity {
  return token === undefined ? { user } : { token }
}

function readCount(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 1.')
  return Number(text)
}

function readRate(text: string): number {
  const rate = /^\d{1,5}(\.\d+)?$/.test(text) ? Number(text) : 0
  if (rate < 0.01) throw new InvalidArgumentError('It must be a number from 0.01 to 99999.')
  return rate
}

/** Without a slash at its end. */
function readUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '') {
    throw new InvalidArgumentError('It must be like https://img.example.com.')
  }
  return url.href.replace(/\/+$/, '')
}

/** commander tells nicely only of errors of its own kind. */
function reading<T>(parse: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parse(text)
    } catch (error) {
      throw new InvalidArgumentError((error as Error).message)
    }
  }
}
