import Table from 'cli-table3'
import type { Format } from '../../core/ladder.ts'
import type { CacheSizes } from './cache-tiers.ts'
import { type SetUp, snap, tintype, tintypeServingLarger } from './set-ups.ts'
import { type Measurement, simulate } from './simulate.ts'
import { percent, perMillion } from './targets.ts'
import { neededWidth, type Viewing, viewings, type WarmUpPlan, warmUpOf, type Workload } from './workload.ts'

const avif = 'image/avif,image/webp,*/*'
const webp = 'image/webp,*/*'
const hotRungCount = 6

interface Lever {
  readonly name: string
  /** the requests, if they are others */
  readonly change?: (viewing: Viewing, index: number) => Viewing
  readonly setUp?: (ladder: readonly number[]) => SetUp
  readonly warmUp?: WarmUpPlan
}

/**
 * What could be done about a workload's hit rate other than by the ladder, one thing at a time: a table with a line for each.
 */
export function leverTable(
  workload: Workload,
  ladder: readonly number[],
  caches: CacheSizes,
  warmUpShare: number,
): string {
  const table = new Table({
    head: ['lever', 'PoP hits', 'CDN hits', 'bound', 'renders/M', 'warm-up renders/M', 'extra px'],
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  })
  const hot = mostAsked(workload, ladder, hotRungCount)
  for (const lever of leversOf(workload, hot, ladder)) {
    const measured = measure(lever, workload, ladder, caches, warmUpShare)
    table.push([
      lever.name,
      percent(measured.popHitRate),
      percent(measured.cdnHitRate),
      percent(measured.infiniteCacheHitRate),
      perMillion(measured.renderRate),
      perMillion(measured.warmUpRenderRate),
      percent(measured.overfetch),
    ])
  }
  return `${table.toString()}\nHot rungs: ${hot.join(', ')}`
}

/** The rungs that most requests go to, in rising order. */
export function mostAsked(workload: Workload, ladder: readonly number[], count: number): number[] {
  const requests = new Map(ladder.map((rung) => [rung, 0]))
  for (const viewing of viewings({ ...workload, requests: 50_000 })) {
    const rung = snap(neededWidth(viewing), ladder)
    requests.set(rung, requests.get(rung)! + 1)
  }
  return ladder
    .toSorted((left, right) => requests.get(right)! - requests.get(left)!)
    .slice(0, count)
    .toSorted((left, right) => left - right)
}

function leversOf(workload: Workload, hot: readonly number[], ladder: readonly number[]): Lever[] {
  const hotInAvif: WarmUpPlan = { rungs: hot, accepts: [avif], startsWithStock: true }
  return [
    { name: 'as it is' },
    { name: 'all name the revision', change: (viewing) => ({ ...viewing, namesRevision: true }) },
    {
      name: 'AVIF or JPEG, no WebP',
      change: (viewing) => ({ ...viewing, accept: viewing.accept.includes('image/avif') ? avif : '*/*' }),
    },
    { name: 'every second rung for WebP and JPEG', setUp: coarseFor(['webp', 'jpeg']) },
    { name: 'one format for all', change: (viewing) => ({ ...viewing, accept: avif }) },
    {
      name: 'one format, all name the revision',
      change: (viewing) => ({ ...viewing, accept: avif, namesRevision: true }),
    },
    {
      name: 'one key for each image',
      change: (viewing) => ({ ...viewing, accept: avif, namesRevision: true }),
      setUp: (rungs) => tintype(rungs.slice(-1)),
    },
    {
      name: 'every fifth request for a crop or another quality',
      change: (viewing, index) =>
        index % 5 === 0 ? { ...viewing, image: viewing.image + workload.images } : viewing,
    },
    { name: 'origin answers with the next larger', setUp: tintypeServingLarger },
    { name: 'hot rungs of new images in AVIF', warmUp: { ...hotInAvif, startsWithStock: false } },
    { name: 'hot rungs of all images in AVIF', warmUp: hotInAvif },
    { name: 'hot rungs of all, AVIF and WebP', warmUp: { ...hotInAvif, accepts: [avif, webp] } },
    { name: 'all rungs of all images in AVIF', warmUp: { ...hotInAvif, rungs: ladder } },
  ]
}

/** Every second rung, the largest among them, for these formats; the ladder for all others. */
function coarseFor(formats: readonly Format[]): (ladder: readonly number[]) => SetUp {
  return (ladder) => {
    const fine = tintype(ladder)
    const coarse = tintype(ladder.filter((_, index) => (ladder.length - 1 - index) % 2 === 0))
    return {
      ...fine,
      deliver(viewing) {
        const delivery = fine.deliver(viewing)
        return formats.includes(delivery.format) ? coarse.deliver(viewing) : delivery
      },
    }
  }
}

function measure(
  { change, setUp = tintype, warmUp }: Lever,
  workload: Workload,
  ladder: readonly number[],
  caches: CacheSizes,
  warmUpShare: number,
): Measurement {
  return simulate({
    workload,
    viewings: change === undefined ? viewings(workload) : changed(viewings(workload), change),
    setUp: setUp(ladder),
    caches: { ...caches, pops: workload.pops },
    warmUpShare,
    ...(warmUp !== undefined && { warmUp: warmUpOf(workload, warmUp) }),
  })
}

function* changed(
  all: Iterable<Viewing>,
  change: (viewing: Viewing, index: number) => Viewing,
): Generator<Viewing, void, undefined> {
  let index = 0
  for (const viewing of all) yield change(viewing, index++)
}
