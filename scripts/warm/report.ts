import Table from 'cli-table3'
import { formats } from '../../core/ladder.ts'
import { costOf, dollars, type Work } from './cost.ts'
import { coldWork, warmWork } from './estimate.ts'
import { coverage, hitRateGain } from './hit-rate.ts'
import type { Plan } from './plan.ts'
import type { WarmResult } from './warm-up.ts'

const outcomes = ['already warm', 'from bucket', 'rendered', 'failed'] as const
/** So many failures are told one by one. */
const reasonsMax = 5

/** What will be asked, in sentences; the costs are those of the least and the most that can come of it. */
export function planReport(plan: Plan, budget: number): string {
  const { requests } = plan
  const cold = coldWork(requests)
  if (requests.length === 0) return ['there is nothing to ask for.', ...leftOutLines(plan)].join('\n')
  return [
    `${amount(requests.length, 'request')}, about ${megabytes(cold.bytes)}.`,
    ...leftOutLines(plan),
    ...budgetLines(plan, budget),
    `Estimated cost: ${dollars(costOf(warmWork(requests)).total)} if all of it is warm, ` +
      `${dollars(costOf(cold).total)} if all must be rendered.`,
  ].join('\n')
}

/** How a warm-up went, all runs of it together. */
export interface Ending {
  plan: Plan
  budget: number
  results: readonly WarmResult[]
  /** requests that were sent for it */
  sent: number
  /** how many of the results an earlier run had */
  resumed: number
  isInterrupted: boolean
}

/** The table that ends a warm-up, a line for each format and outcome that there was; then what it cost and what it gained. */
export function finalReport(ending: Ending): string {
  const { plan, budget, results, sent, isInterrupted } = ending
  const isUsedUp = !isInterrupted && results.length < plan.requests.length
  return [
    resultTable(results),
    ...reasonLines(results),
    countLine(ending),
    ...(isUsedUp ? [`The budget of ${amount(budget, 'request')} is used up by repetitions.`] : []),
    ...budgetLines(plan, budget),
    costLine({ sent, ...workIn(results) }),
    ...hitRateLines(results, plan),
  ].join('\n')
}

function countLine({ plan, results, sent, resumed }: Ending): string {
  const answered = `${number(results.length)} of ${amount(plan.requests.length, 'variant')} asked for`
  const earlier = resumed === 0 ? '' : `, ${number(resumed)} of them in an earlier run`
  const repeated = sent <= results.length ? '' : `, ${number(sent - results.length)} of them again`
  return `${answered}${earlier}; ${amount(sent, 'request')} sent${repeated}.`
}

function resultTable(results: readonly WarmResult[]): string {
  const table = new Table({
    head: ['format', 'outcome', 'variants', 'kB', 'mean ms', 'longest ms'],
    colAligns: ['left', 'left', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  })
  for (const format of formats) {
    for (const outcome of outcomes) {
      const matching = results.filter((each) => each.request.format === format && each.outcome === outcome)
      if (matching.length > 0) table.push([format, outcome, ...numbersOf(matching)])
    }
  }
  table.push(['all', '', ...numbersOf(results)])
  return table.toString()
}

function numbersOf(results: readonly WarmResult[]): string[] {
  const times = results.map(({ milliseconds }) => milliseconds)
  const mean = times.reduce((sum, time) => sum + time, 0) / times.length
  const longest = times.reduce((most, time) => Math.max(most, time), 0)
  return [
    String(results.length),
    (workIn(results).bytes / 1000).toFixed(1),
    ...(times.length === 0 ? ['', ''] : [mean.toFixed(1), longest.toFixed(1)]),
  ]
}

/** A render takes no longer than its answer: the estimate is rather too high. */
function workIn(results: readonly WarmResult[]): Omit<Work, 'sent'> {
  const work = { bytes: 0, fromBucket: 0, rendered: 0, renderMilliseconds: 0 }
  for (const result of results) {
    if (result.outcome === 'failed') continue
    work.bytes += result.bytes
    if (result.outcome === 'from bucket') work.fromBucket++
    if (result.outcome !== 'rendered') continue
    work.rendered++
    work.renderMilliseconds += result.milliseconds
  }
  return work
}

function reasonLines(results: readonly WarmResult[]): string[] {
  const failed = results.filter((each) => each.outcome === 'failed')
  const told = failed.slice(0, reasonsMax).map(({ request, reason }) => `failed: ${request.url}: ${reason}`)
  return failed.length > reasonsMax ? [...told, `and ${failed.length - reasonsMax} more failed`] : told
}

function leftOutLines({ leftOut }: Plan): string[] {
  const told = Object.entries(leftOut).filter(([, count]) => count > 0)
  if (told.length === 0) return []
  return [`Left out: ${told.map(([reason, count]) => `${reason} (${number(count)})`).join(', ')}.`]
}

function budgetLines({ requests, wanted }: Plan, budget: number): string[] {
  const beyond = wanted - requests.length
  if (beyond === 0) return []
  return [
    `The budget of ${amount(budget, 'request')} cuts the plan: ${number(beyond)} of ${number(wanted)} ` +
      'are not asked for. A larger --budget takes them in.',
  ]
}

function costLine(work: Work): string {
  const { total, cloudFront, lambda, storage } = costOf(work)
  return (
    `Estimated cost: ${dollars(total)} (CloudFront ${dollars(cloudFront)}, Lambda ${dollars(lambda)}, ` +
    `S3 and DynamoDB ${dollars(storage)}).`
  )
}

function hitRateLines(results: readonly WarmResult[], { loggedRequests }: Plan): string[] {
  if (results.length === 0) return []
  const { missesSpared, of } = hitRateGain(results, loggedRequests)
  const share = percent(missesSpared / of)
  if (loggedRequests === null) {
    return [
      `Hit rate gained: ${missesSpared} of ${amount(of, 'variant')} (${share}) were cold and are warm now; ` +
        'without a log nothing tells how often each is asked for.',
    ]
  }
  return [
    `Hit rate gained: ${share}. Were the ${amount(of, 'request')} of the log to come again, ` +
      `${missesSpared.toFixed(1)} of them would have been misses on what is warm now.`,
    `What is warm now makes up ${percent(coverage(results, loggedRequests))} of them.`,
  ]
}

function amount(count: number, what: string): string {
  return `${number(count)} ${what}${count === 1 ? '' : 's'}`
}

function number(count: number): string {
  return count.toLocaleString('en-US')
}

function megabytes(bytes: number): string {
  return bytes < 1e5 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}
