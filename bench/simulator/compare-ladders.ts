import Table from 'cli-table3'
import { audiences } from './audiences.ts'
import { assumedCaches } from './cache-tiers.ts'
import { type NamedLadder, writtenLadders } from './ladders.ts'
import { extraPixelsOf, ladderFor, type ObservedAudience, observe, resizedBy } from './observed-audience.ts'
import { tintype } from './set-ups.ts'
import { assumedWarmUpShare, type Measurement, simulate } from './simulate.ts'
import { percent, perMillion } from './targets.ts'
import { r1, r2, scale, viewings, type Workload } from './workload.ts'

const sampledRequests = 100_000
/** How much wider or narrower images stand after a new design. */
const resizeFactors = [0.8, 0.85, 0.9, 0.95, 1.05, 1.1, 1.15, 1.2, 1.25]
const fittedCounts = [8, 9, 10, 11, 12, 13, 14]

/**
 * Many ladders with their extra pixels for each audience, and their hit rates for that of R1 and R2. The ladders
 * 'best of n' are fitted to all audiences but the one of the column: none is judged by what it was made from.
 */
export function extraPixelsTable(factor: number): string {
  const observed = audiences.map((audience) => observe(audience, sampledRequests))
  const heads = observed.map((_, index) => String(index + 1))
  const table = plainTable([
    'ladder',
    'rungs',
    ...heads,
    'mean',
    'most',
    'resized',
    'PoP',
    'CDN',
    'renders/M',
    'R2 CDN',
  ])
  for (const { name, ladder } of writtenLadders) {
    const extra = observed.map((each) => extraPixelsOf(each, ladder))
    const resized = observed.map((each) => resizedExtraOf(each, ladder))
    table.push([name, ladder.length, ...extraCells(extra, resized), ...hitCells(ladder, factor)])
  }
  for (const rungs of fittedCounts) {
    const heldOut = observed.map((each) => ladderFor(without(each, observed), rungs))
    const extra = observed.map((each, index) => extraPixelsOf(each, heldOut[index]!))
    const resized = observed.map((each, index) => resizedExtraOf(each, heldOut[index]!))
    // The first audience is that of R1 and R2.
    table.push([`best of ${rungs}`, rungs, ...extraCells(extra, resized), ...hitCells(heldOut[0]!, factor)])
  }
  const fitted = fittedCounts.map((rungs) => ({
    name: `best of ${rungs}, for all of them`,
    ladder: ladderFor(observed, rungs),
  }))
  const resizedLegend = `resized: the mean where all images stand ${resizeFactors.join(', ')} times as wide`
  const legend = observed.map(({ name }, index) => `${index + 1} ${name}`).join('; ')
  return [
    table.toString(),
    `Extra pixels in per cent: ${legend}; ${resizedLegend}.`,
    ...[...writtenLadders, ...fitted].map(ladderLine),
  ].join('\n')
}

/** Hit rates of some ladders for each audience, beside their extra pixels. */
export function audienceTable(names: readonly string[], factor: number): string {
  const ladders = writtenLadders.filter(({ name }) => names.includes(name))
  const table = plainTable([
    'audience',
    ...ladders.flatMap(({ name }) => [`${name}: CDN`, 'PoP', 'renders/M', 'extra px']),
  ])
  for (const audience of audiences) {
    const measured = ladders.map(({ ladder }) => measure(scale({ ...r1, audience }, factor), ladder))
    table.push([
      audience.name,
      ...measured.flatMap((each) => [
        percent(each.cdnHitRate),
        percent(each.popHitRate),
        perMillion(each.renderRate),
        percent(each.overfetch),
      ]),
    ])
  }
  return table.toString()
}

function extraCells(extra: readonly number[], resized: readonly number[]): string[] {
  return [...extra, meanOf(extra), Math.max(...extra), meanOf(resized)].map((each) => (each * 100).toFixed(1))
}

/** The mean over designs that nobody fitted a ladder to. */
function resizedExtraOf(audience: ObservedAudience, ladder: readonly number[]): number {
  return meanOf(resizeFactors.map((factor) => extraPixelsOf(resizedBy(factor, audience), ladder)))
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, each) => sum + each, 0) / values.length
}

function hitCells(ladder: readonly number[], factor: number): string[] {
  const first = measure(scale(r1, factor), ladder)
  const second = measure(scale(r2, factor), ladder)
  return [
    percent(first.popHitRate),
    percent(first.cdnHitRate),
    perMillion(first.renderRate),
    percent(second.cdnHitRate),
  ]
}

function measure(workload: Workload, ladder: readonly number[]): Measurement {
  return simulate({
    workload,
    viewings: viewings(workload),
    setUp: tintype(ladder),
    caches: assumedCaches,
    warmUpShare: assumedWarmUpShare,
  })
}

function without(one: ObservedAudience, all: readonly ObservedAudience[]): ObservedAudience[] {
  return all.filter((each) => each !== one)
}

function ladderLine({ name, ladder }: NamedLadder): string {
  return `  ${name}: ${ladder.join(', ')}`
}

function plainTable(head: string[]): Table.Table {
  const colAligns = head.map((_, index) => (index === 0 ? 'left' : 'right') as 'left' | 'right')
  return new Table({ head, colAligns, style: { head: [], border: [], compact: true } })
}
