import { Command, InvalidArgumentError } from 'commander'
import { rungs } from '../core/ladder.ts'
import { assumedCaches as caches, type CacheSizes } from './simulator/cache-tiers.ts'
import { audienceTable, extraPixelsTable } from './simulator/compare-ladders.ts'
import { leverTable } from './simulator/levers.ts'
import { assumptionLines, meanOf, resultTable, verdictLines } from './simulator/report.ts'
import { awsSample, nextImage, passThrough, type SetUp, tintype } from './simulator/set-ups.ts'
import { type Measurement, simulate, assumedWarmUpShare as warmUpShare } from './simulator/simulate.ts'
import { r1, r2, scale, viewings, type Workload } from './simulator/workload.ts'

/** So much of each workload is left where it must be quick: hit rates hardly change, see docs/simulator.md. */
const quickScale = 0.2
const seeds = [21, 22, 23]

const { quick, ladder, ladders, levers } = new Command('npm run simulate --')
  .description(
    'Measures hit rates, renders and extra pixels of the URL grammar, beside those of other set-ups.',
  )
  .option('--quick', 'a fifth of the images and requests, one seed')
  .option('--ladder <widths>', 'other rungs than those of core/ladder.ts, such as 320,640,1280', readLadder)
  .option('--ladders', 'many ladders beside each other, for audiences that they were not fitted to')
  .option('--levers', 'what else would change the hit rate')
  .parse()
  .opts<{ quick?: true; ladder?: number[]; ladders?: true; levers?: true }>()

const ours = tintype(ladder)
const setUps = [passThrough, nextImage, awsSample, ours]
const usedSeeds = quick === true ? seeds.slice(0, 1) : seeds
const workloads = quick === true ? [scale(r1, quickScale), scale(r2, quickScale)] : [r1, r2]

if (ladders === true) printLadders()
else if (levers === true) printLevers()
else printTargets()

function printTargets(): void {
  console.log('Set-ups')
  for (const setUp of setUps) console.log(`  ${setUp.name.padEnd(14)}  ${setUp.description}`)
  console.log('Assumptions (docs/simulator.md has the reasons)')
  for (const line of assumptionLines(r1, caches, warmUpShare, usedSeeds)) console.log(`  ${line}`)
  for (const workload of workloads) {
    console.log(`\n${titleOf(workload)}`)
    const rows = setUps.map((setUp) => ({ name: setUp.name, measurements: measureAll(workload, setUp) }))
    console.log(resultTable(rows))
    console.log('Targets, for Tintype in the second half of the first day')
    const { measurements } = rows.at(-1)!
    for (const line of verdictLines(workload.name, meanOf(measurements))) console.log(line)
  }
  if (quick !== true) printVariations()
}

function printVariations(): void {
  console.log('\nWhat moves Tintype’s numbers, one seed')
  const rows = variations().map(([name, ...rest]) => ({ name, measurements: [measure(...rest)] }))
  console.log(resultTable(rows))

  for (const workload of [r1, r2]) {
    const secondDay = measure(doubled(workload), ours, caches)
    console.log(`\n${workload.name}, the second day of two, one seed: caches have a day behind them`)
    console.log(resultTable([{ name: ours.name, measurements: [secondDay] }]))
    for (const line of verdictLines(workload.name, secondDay)) console.log(line)
  }
}

function printLadders(): void {
  const factor = quick === true ? quickScale / 4 : quickScale
  console.log(`Ladders: extra pixels for each audience, hit rates for R1 and R2 at ${factor} of their size`)
  console.log(extraPixelsTable(factor))
  console.log(`\nThe same for each audience, R1 at ${factor} of its size`)
  console.log(audienceTable(['x 1.25 by 640', 'round', 'devices'], factor))
}

function printLevers(): void {
  for (const workload of workloads) {
    console.log(`\n${titleOf(workload)}, one thing changed at a time`)
    console.log(leverTable(workload, ladder ?? rungs, caches, warmUpShare))
  }
}

function measureAll(workload: Workload, setUp: SetUp): Measurement[] {
  return usedSeeds.map((seed) => measure({ ...workload, seed }, setUp, caches))
}

function measure(workload: Workload, setUp: SetUp, sizes: CacheSizes): Measurement {
  const scaled = { ...sizes, pops: workload.pops }
  return simulate({ workload, viewings: viewings(workload), setUp, caches: scaled, warmUpShare })
}

/** One assumption changed at a time. */
function variations(): [name: string, workload: Workload, setUp: SetUp, sizes: CacheSizes][] {
  const hundredth = {
    ...caches,
    popBytes: caches.popBytes / 100,
    regionalBytes: caches.regionalBytes / 100,
    shieldBytes: caches.shieldBytes / 100,
  }
  return [
    ['R1 as above', r1, ours, caches],
    ['R1, popularity exponent 0.64', { ...r1, popularityExponent: 0.64 }, ours, caches],
    ['R1, popularity exponent 1', { ...r1, popularityExponent: 1 }, ours, caches],
    ['R1, 5 PoPs', { ...r1, pops: 5 }, ours, caches],
    ['R1, 60 PoPs', { ...r1, pops: 60 }, ours, caches],
    ['R1, PoP caches of 1 GB', r1, ours, { ...caches, popBytes: 1e9 }],
    ['R1, PoP caches of 0.25 GB', r1, ours, { ...caches, popBytes: 0.25e9 }],
    ['R1, all caches a hundredth', r1, ours, hundredth],
  ]
}

/** Two days of the same; with half of the time for warm-up, the second is measured. */
function doubled(workload: Workload): Workload {
  return { ...workload, requests: workload.requests * 2, seconds: workload.seconds * 2 }
}

function titleOf(workload: Workload): string {
  const count = (value: number): string => value.toLocaleString('en-US')
  const size = `${count(workload.images)} images, ${count(workload.requests)} requests, ${workload.pops} PoPs`
  return quick === true ? `${workload.name} at a fifth of its size: ${size}` : `${workload.name}: ${size}`
}

function readLadder(text: string): number[] {
  const widths = text.split(',').map(Number)
  const isRising = widths.every((width, index) => Number.isInteger(width) && width > (widths[index - 1] ?? 0))
  if (!isRising) throw new InvalidArgumentError('They must be whole numbers above 0 in rising order.')
  return widths
}
