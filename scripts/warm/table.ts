import Table from 'cli-table3'
import type { Format } from '../../core/ladder.ts'
import type { WarmResult } from './warm-up.ts'

const outcomes = ['already warm', 'filled', 'failed'] as const
/** So many failures are told one by one. */
const reasonsMax = 5

/** The table that ends a warm-up: a line for each format and outcome, then why requests failed. */
export function warmTable(results: readonly WarmResult[], formats: readonly Format[]): string {
  const table = new Table({
    head: ['format', 'outcome', 'requests', 'kB', 'mean ms', 'longest ms'],
    colAligns: ['left', 'left', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  })
  for (const format of formats) {
    for (const outcome of outcomes) {
      const matching = results.filter((each) => each.request.format === format && each.outcome === outcome)
      table.push([format, outcome, ...numbersOf(matching)])
    }
  }
  table.push(['all', '', ...numbersOf(results)])
  return [table.toString(), ...reasonsOf(results)].join('\n')
}

function numbersOf(results: readonly WarmResult[]): string[] {
  const bytes = results.reduce((sum, each) => sum + ('bytes' in each ? each.bytes : 0), 0)
  const times = results.map(({ milliseconds }) => milliseconds)
  const mean = times.reduce((sum, time) => sum + time, 0) / times.length
  const inTime =
    times.length === 0
      ? ['', '']
      : [mean.toFixed(1), times.reduce((most, time) => Math.max(most, time), 0).toFixed(1)]
  return [String(results.length), (bytes / 1000).toFixed(1), ...inTime]
}

function reasonsOf(results: readonly WarmResult[]): string[] {
  const failed = results.filter((each) => each.outcome === 'failed')
  const told = failed.slice(0, reasonsMax).map(({ request, reason }) => `failed: ${request.url}: ${reason}`)
  return failed.length > reasonsMax ? [...told, `and ${failed.length - reasonsMax} more failed`] : told
}
