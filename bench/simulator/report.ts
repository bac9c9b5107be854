import Table from 'cli-table3'
import { acceptHeaders } from './audience.ts'
import type { CacheSizes } from './cache-tiers.ts'
import type { Measurement } from './simulate.ts'
import { judge, percent, perMillion } from './targets.ts'
import {
  parameterOrderShares,
  popExponent,
  publishedMeanwhileShare,
  revisionHabits,
  trackingShare,
  type Workload,
} from './workload.ts'

/** A line of the result: who was measured, once for each seed. */
export interface ResultRow {
  readonly name: string
  readonly measurements: readonly Measurement[]
}

/** The table of a workload, a line for each set-up: the mean over the seeds, and how far they spread. */
export function resultTable(rows: readonly ResultRow[]): string {
  const table = new Table({
    head: [
      'set-up',
      'PoP hits',
      'CDN hits',
      'bound',
      'of bound',
      'renders/M',
      'origin/M',
      'extra px',
      'keys',
    ],
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  })
  for (const { name, measurements } of rows) {
    const mean = meanOf(measurements)
    const spread = spreadOf(measurements.map(({ cdnHitRate }) => cdnHitRate))
    table.push([
      name,
      percent(mean.popHitRate),
      measurements.length === 1
        ? percent(mean.cdnHitRate)
        : `${percent(mean.cdnHitRate)} ± ${(spread * 100).toFixed(2)}`,
      percent(mean.infiniteCacheHitRate),
      percent(mean.cdnHitRate / mean.infiniteCacheHitRate),
      perMillion(mean.renderRate),
      perMillion(mean.originRate),
      percent(mean.overfetch),
      Math.round(mean.distinctKeys).toLocaleString('en-US'),
    ])
  }
  return table.toString()
}

/** A line for each target of the workload: reached, or not reached and by how much. */
export function verdictLines(workloadName: string, measurement: Measurement): string[] {
  return judge(workloadName, measurement).map(({ target, measured, isReached, missedBy }) => {
    const sign = target.bound === 'at least' ? '>=' : '<='
    const aim = `${target.name} ${sign} ${target.format(target.value)}`
    if (isReached) return `  reached      ${aim}: ${target.format(measured)}`
    return `  not reached  ${aim}: ${target.format(measured)}, ${target.format(missedBy)} off`
  })
}

/** The mean of several measurements of one set-up. */
export function meanOf(measurements: readonly Measurement[]): Measurement {
  const mean = (valueOf: (measurement: Measurement) => number): number =>
    measurements.reduce((sum, each) => sum + valueOf(each), 0) / measurements.length
  return {
    requests: mean((each) => each.requests),
    popHitRate: mean((each) => each.popHitRate),
    cdnHitRate: mean((each) => each.cdnHitRate),
    renderRate: mean((each) => each.renderRate),
    originRate: mean((each) => each.originRate),
    overfetch: mean((each) => each.overfetch),
    infiniteCacheHitRate: mean((each) => each.infiniteCacheHitRate),
    distinctKeys: mean((each) => each.distinctKeys),
    warmUpRenderRate: mean((each) => each.warmUpRenderRate),
  }
}

/** What a workload and its caches are made of, a line each. */
export function assumptionLines(
  workload: Workload,
  caches: CacheSizes,
  warmUpShare: number,
  seeds: readonly number[],
): string[] {
  const { visitors, pages } = workload.audience
  const [always, never, half] = revisionHabits
  const [asTheApi, sorted, widthFirst] = parameterOrderShares
  return [
    `popularity   Zipf, exponent ${workload.popularityExponent}; ${percent(publishedMeanwhileShare)} of the images are published meanwhile`,
    `visitors     ${workload.pops} PoPs, Zipf with exponent ${popExponent}; ${percent(visitors.mobileShare)} mobile (${visitors.mobileScreens.length} screens), else ${visitors.desktopWindows.length} windows x ${visitors.desktopPixelRatios.length} pixel ratios, ${percent(visitors.scrollBarShare)} with a scroll bar`,
    `formats      ${acceptHeaders.length} Accept headers: ${shareNaming('image/avif')} name AVIF, ${shareNaming('image/webp')} WebP`,
    `pages        ${pages.lists.map(([share, place]) => `${place.name} ${percent(share)}`).join(', ')}, else ${pages.slots.map(([share, place]) => `${place.name} ${share} %`).join(', ')}; originals ${pages.sourceWidths.join(', ')} px`,
    `URLs         ${always[0]} % of images with r, ${never[0]} % without, ${half[0]} % both; orders ${asTheApi}/${sorted}/${widthFirst} %; ${percent(trackingShare)} with a tracking parameter`,
    `caches       PoP ${gigabytes(caches.popBytes)}, ${caches.regions} regional ${gigabytes(caches.regionalBytes)}, shield ${gigabytes(caches.shieldBytes)}, least recently used go first`,
    `lifetimes    Tintype a year with r, else 300 s and a day stale; exact widths a year; Next.js 4 h; AWS sample 366 days`,
    `measured     after the first ${percent(warmUpShare)} of ${(workload.seconds / 86_400).toFixed(0)} day(s), from empty caches; seeds ${seeds.join(', ')}`,
  ]
}

function shareNaming(mediaType: string): string {
  const total = acceptHeaders.reduce((sum, [share]) => sum + share, 0)
  const naming = acceptHeaders.reduce(
    (sum, [share, accept]) => sum + (accept.includes(mediaType) ? share : 0),
    0,
  )
  return percent(naming / total)
}

function gigabytes(bytes: number): string {
  return `${bytes / 1e9} GB`
}

/** Standard deviation of a sample. */
function spreadOf(values: readonly number[]): number {
  if (values.length < 2) return 0
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1))
}
