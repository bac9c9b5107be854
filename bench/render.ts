import Table from 'cli-table3'
import { Command } from 'commander'
import { aliasRev, type Variant } from '../core/image-url.ts'
import { defaultBand, rungs } from '../core/ladder.ts'
import { encode, firstEncoding, type TunedQualities } from '../origin/encoders.ts'
import type { Dimensions } from '../origin/geometry.ts'
import { defaultLimits } from '../origin/limits.ts'
import { makeMaster, masterSize } from '../origin/master.ts'
import { render, type Source } from '../origin/render.ts'
import { loadSharp } from '../runtime/sharp.ts'
import { cpuTime, median } from './cpu-time.ts'
import { type Point, pointAt } from './encoders/curve.ts'
import { type BenchPhotograph, benchPhotographs } from './photographs.ts'
import { pictureOf, scorerFor } from './scoring.ts'

const { photos, megapixels, widths, runs } = new Command('npm run bench:render --')
  .description(
    'CPU, bytes and SSIMULACRA2 of a render: beside bare sharp, and from a master beside from the original.',
  )
  .option('--photos <dir>', 'folder with JPEGs (otherwise the 12 MP photograph of the tests)')
  .option('--megapixels <number>', 'smallest photograph to take', Number, 12)
  .option(
    '--widths <list>',
    'output widths',
    (text) => text.split(',').map(Number),
    rungs.filter((rung) => rung >= 136 && rung <= 2448),
  )
  .option('--runs <number>', 'runs of each, of which the least counts', Number, 3)
  .parse()
  .opts<{ photos?: string; megapixels: number; widths: number[]; runs: number }>()

/** AVIF qualities around the usual one, between which the one with the score of WebP is found. */
const probedQualities = [45, 58, 70, 82]

const sharp = await loadSharp()
const photographs = await benchPhotographs(photos, megapixels)
console.log(`${photographs.length} photograph(s), AVIF, medium band, least of ${runs} runs, CPU in ms`)

const subjects: Subject[] = []
for (const photograph of photographs) subjects.push(await subjectOf(photograph))
const rows: { width: number; results: Result[] }[] = []
for (const width of widths) rows.push({ width, results: await measureAll(width) })
printFirstMisses()
printMasters()

interface Subject extends BenchPhotograph {
  master: Uint8Array
  masterSize: Dimensions
}

interface Cost {
  cpuMs: number
  bytes: number
  score: number
}

interface Result {
  /** Milliseconds of CPU. */
  bareMs: number
  webp: Cost
  ours: Cost
  /** AVIF that looks like `webp`; null where none of the probed qualities does. */
  atScoreOfWebp: Cost | null
  /** Null where the master is smaller than the variant. */
  master: Cost | null
}

/** A photograph with its master. */
async function subjectOf(photograph: BenchPhotograph): Promise<Subject> {
  const size = masterSize(photograph)
  const master = await makeMaster(sharp, photograph.bytes, size, defaultLimits)
  if (master === null) throw new Error(`${photograph.name} has no master`)
  return { ...photograph, master, masterSize: size }
}

async function measureAll(width: number): Promise<Result[]> {
  const results: Result[] = []
  for (const subject of subjects) if (subject.width >= width) results.push(await measure(subject, width))
  return results
}

async function measure(subject: Subject, width: number): Promise<Result> {
  const { bytes } = subject
  const height = Math.round((width * subject.height) / subject.width)
  const target = { width, height, fit: 'fill' } as const
  // What all of them stand for: all pixels of the original, none skipped while loading, and no loss after it.
  const all = await pictureOf(sharp(bytes).autoOrient())
  const raw = { width: all.width, height: all.height, channels: 3 } as const
  const scoreOf = scorerFor(await pictureOf(sharp(all.pixels, { raw }).resize(target)))
  const scored = async (work: () => Promise<Uint8Array>): Promise<Cost> => {
    const { cpuMs, result } = await cpuTime(work, runs)
    return { cpuMs, bytes: result.length, score: scoreOf(await pictureOf(sharp(result))) }
  }

  const scaled = () => sharp(bytes, { failOn: 'truncated', sequentialRead: true }).autoOrient().resize(target)
  const { cpuMs: bareMs, result: bareBytes } = await cpuTime(
    () => encode(scaled(), variantOf(width), firstEncoding).toBuffer(),
    runs,
  )
  const webp = await scored(() => scaled().webp().toBuffer())

  const original: Source = { kind: 'original', bytes }
  const ours = await scored(() => renderFrom(original, width))
  if (ours.bytes !== bareBytes.length) throw new Error('bare sharp and the origin no longer do the same job')
  const curve: Point[] = []
  for (const quality of probedQualities) {
    curve.push({ quality, ...(await scored(() => renderFrom(original, width, { avif: quality }))) })
  }
  const master =
    subject.masterSize.width < width
      ? null
      : await scored(() =>
          renderFrom({ kind: 'master', bytes: subject.master, originalSize: subject }, width),
        )
  return { bareMs, webp, ours, atScoreOfWebp: pointAt(curve, webp.score), master }
}

async function renderFrom(source: Source, width: number, tuned: TunedQualities | null = null) {
  const encoding = { ...firstEncoding, tuned }
  return (await render(sharp, source, variantOf(width), null, defaultLimits, encoding)).bytes
}

function variantOf(width: number): Variant {
  const size = { kind: 'rung', width, ratio: '', fit: 'inside' } as const
  return { id: '', rev: aliasRev, size, band: defaultBand, format: 'avif' }
}

function printFirstMisses(): void {
  const table = tableOf([
    'width',
    'bare ms',
    'render ms',
    'ratio',
    'WebP ms',
    'ratio',
    'bytes',
    'score',
    'score of WebP',
    'at its score: CPU',
    'bytes',
  ])
  for (const { width, results } of rows) {
    const of = medianOver(results)
    const equal = results.flatMap(({ webp, atScoreOfWebp }) =>
      atScoreOfWebp === null ? [] : [{ webp, ours: atScoreOfWebp }],
    )
    table.push([
      width,
      of(({ bareMs }) => bareMs).toFixed(0),
      of(({ ours }) => ours.cpuMs).toFixed(0),
      of(({ ours, bareMs }) => ours.cpuMs / bareMs).toFixed(2),
      of(({ webp }) => webp.cpuMs).toFixed(0),
      of(({ ours, webp }) => ours.cpuMs / webp.cpuMs).toFixed(2),
      of(({ ours, webp }) => ours.bytes / webp.bytes).toFixed(2),
      of(({ ours }) => ours.score).toFixed(1),
      of(({ webp }) => webp.score).toFixed(1),
      ...(equal.length === 0
        ? ['-', '-']
        : [
            medianOver(equal)(({ ours, webp }) => ours.cpuMs / webp.cpuMs).toFixed(2),
            medianOver(equal)(({ ours, webp }) => ours.bytes / webp.bytes).toFixed(2),
          ]),
    ])
  }
  console.log(`
A first miss
${table.toString()}
bare, render   the same job written by hand with sharp, and by the origin: what the pipeline itself costs (goal <= 1.03)
WebP           sharp's default WebP, quality 80, of the same original and width
at its score   AVIF of the quality at which it has the SSIMULACRA2 of that WebP (goal <= 0.95 CPU and <= 0.85 bytes)`)
}

function printMasters(): void {
  const table = tableOf([
    'width',
    'ms',
    'of direct',
    'worst',
    'bytes',
    'score',
    'direct',
    'difference',
    'worst',
  ])
  for (const { width, results } of rows) {
    const made = results.flatMap(({ ours, master }) => (master === null ? [] : [{ ours, master }]))
    if (made.length === 0) continue
    const of = medianOver(made)
    const ratios = made.map(({ ours, master }) => master.cpuMs / ours.cpuMs)
    const differences = made.map(({ ours, master }) => master.score - ours.score)
    table.push([
      width,
      of(({ master }) => master.cpuMs).toFixed(0),
      median(ratios).toFixed(2),
      Math.max(...ratios).toFixed(2),
      of(({ ours, master }) => master.bytes / ours.bytes).toFixed(2),
      of(({ master }) => master.score).toFixed(1),
      of(({ ours }) => ours.score).toFixed(1),
      median(differences).toFixed(1),
      Math.min(...differences).toFixed(1),
    ])
  }
  console.log(`
From the master, beside from the original (direct)
${table.toString()}
Goal: <= 0.5 of the CPU up to 1080 px, the score within 1 point at the same bytes +- 2 %. Ratios and scores are medians over
the photographs; "worst" is the largest ratio, and the largest loss of SSIMULACRA2. Scores are taken beside the original scaled
without shrink-on-load and without loss.`)
}

function medianOver<Item>(items: readonly Item[]) {
  return (pick: (item: Item) => number): number => median(items.map(pick))
}

function tableOf(head: string[]) {
  return new Table({
    head,
    style: { head: [], border: [], compact: true },
    colAligns: head.map(() => 'right' as const),
  })
}
