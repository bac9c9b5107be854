import { SingleBar } from 'cli-progress'
import { Command, InvalidArgumentError, Option } from 'commander'
import type { Format } from '../core/ladder.ts'
import { connect, type Identity } from './api-client.ts'
import { run } from './exit.ts'
import { parseFormats, planWarmUp } from './warm/plan.ts'
import { parseRungs } from './warm/rungs.ts'
import { warmTable } from './warm/table.ts'
import { type WarmResult, warmUp } from './warm/warm-up.ts'

interface Options {
  url: string
  images: number
  rungs: readonly number[]
  formats: Format[]
  concurrency: number
  user: string
  token?: string
}

/** What a shell expects of a program that Ctrl-C ended. */
const exitCodeInterrupted = 130

const options = new Command('npm run warm --')
  .description('Fills the CDN with the newest images by asking it for them.')
  .option('--url <url>', 'where the API is', 'http://localhost:4000')
  .option('--images <number>', 'how many of the newest images', readCount, 20)
  .option('--rungs <widths>', 'hot, all, or widths such as 640,1256', reading(parseRungs), parseRungs('hot'))
  .option(
    '--formats <formats>',
    'formats such as avif,webp',
    reading(parseFormats),
    parseFormats('avif,webp'),
  )
  .option('--concurrency <number>', 'requests at once', readCount, 4)
  .option('--user <name>', 'whose images, on a local system', 'demo')
  .addOption(new Option('--token <token>', 'a bearer token, in place of --user').env('TINTYPE_TOKEN'))
  .parse()
  .opts<Options>()

await run(async () => {
  const client = await connect(options.url, identityOf(options))
  const requests = planWarmUp(await client.newest(options.images), options)
  const interrupt = new AbortController()
  // Once: a second Ctrl-C ends the process at once.
  process.once('SIGINT', () => interrupt.abort())

  const results: WarmResult[] = []
  const bar = new SingleBar({ format: '{bar} {value}/{total} · {eta_formatted} left' })
  bar.start(requests.length, 0)
  await warmUp(requests, {
    concurrency: options.concurrency,
    signal: interrupt.signal,
    onResult(result) {
      results.push(result)
      bar.increment()
    },
  })
  bar.stop()

  console.log(warmTable(results, options.formats))
  if (interrupt.signal.aborted) {
    console.log(`Interrupted after ${results.length} of ${requests.length} requests.`)
    process.exitCode = exitCodeInterrupted
  } else if (results.some(({ outcome }) => outcome === 'failed')) process.exitCode = 1
})

function identityOf({ user, token }: Options): Identity {
  return token === undefined ? { user } : { token }
}

function readCount(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 1.')
  return Number(text)
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
