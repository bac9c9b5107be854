import Table from 'cli-table3'
import { percent, perMillion } from '../../bench/simulator/targets.ts'
import type { RungCounts } from '../../core/ledger.ts'
import type { LineCounts } from './observed-widths.ts'
import { type ObservedWidth, overfetchOf } from './optimal-ladder.ts'

/** A ladder with what is expected of it, as shares of 1. */
export interface LadderRow {
  readonly name: string
  readonly ladder: readonly number[]
  readonly popHitRate: number
  readonly cdnHitRate: number
  readonly renderRate: number
}

/** The ladders side by side, then their rungs. */
export function ladderTable(observed: readonly ObservedWidth[], rows: readonly LadderRow[]): string {
  const table = new Table({
    head: ['ladder', 'rungs', 'extra px', 'PoP hits', 'CDN hits', 'renders/M'],
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  })
  for (const row of rows) {
    table.push([
      row.name,
      String(row.ladder.length),
      percent(overfetchOf(observed, row.ladder)),
      percent(row.popHitRate),
      percent(row.cdnHitRate),
      perMillion(row.renderRate),
    ])
  }
  return [table.toString(), ...rows.map(({ name, ladder }) => `${name}: ${ladder.join(', ')}`)].join('\n')
}

/** What each rung was asked for and costs, the most wanted first. */
export function rungTable(rungs: readonly RungCounts[]): string {
  const all = rungs.reduce((sum, { requests }) => sum + requests, 0)
  const table = new Table({
    head: ['rung', 'format', 'requests', 'share', 'CDN hits', 'renders', 'CPU ms each', 'kB each'],
    colAligns: ['right', 'left', 'right', 'right', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  })
  for (const counts of rungs.toSorted((left, right) => right.requests - left.requests)) {
    const { rung, format, requests, hits, renders, renderMs, bytes } = counts
    table.push([
      rung,
      format,
      number(requests),
      share(requests, all),
      share(hits, requests),
      number(renders),
      each(renderMs, renders),
      each(bytes / 1000, requests),
    ])
  }
  return table.toString()
}

function share(part: number, whole: number): string {
  return whole === 0 ? '' : percent(part / whole)
}

function each(sum: number, count: number): string {
  return count === 0 ? '' : (sum / count).toFixed(1)
}

/** What was read from logs, in a sentence. */
export function lineSentence(lines: LineCounts): string {
  const told: [count: number, what: string][] = [
    [lines.withoutWidth, 'without a width'],
    [lines.rewritten, 'already rewritten'],
    [lines.unrelated, 'for something else or failed'],
    [lines.malformed, 'malformed'],
  ]
  const others = told.filter(([count]) => count > 0).map(([count, what]) => `${number(count)} ${what}`)
  return `${number(lines.used)} requests with a width${others.length === 0 ? '' : `; left out: ${others.join(', ')}`}.`
}

function number(value: number): string {
  return value.toLocaleString('en-US')
}
