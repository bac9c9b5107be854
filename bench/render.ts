import Table from 'cli-table3'
import { Command } from 'commander'
import { aliasRev, type Size, type Variant } from '../core/image-url.ts'
import { rungs } from '../core/ladder.ts'
import { defaultLimits } from '../origin/limits.ts'
import { makeMaster, masterSize } from '../origin/master.ts'
import { render, type Source } from '../origin/render.ts'
import { loadSharp } from '../runtime/sharp.ts'
import { type BenchPhotograph, benchPhotographs } from './photographs.ts'
import { cpuTime, median } from './cpu-time.ts'

const { photos, megapixels, runs } = new Command('npm run bench:render --')
  .description('CPU of a render: beside a bare sharp pipeline, and from a master beside from the original.')
  .option('--photos <dir>', 'folder with JPEGs (otherwise the 12 MP photograph of the tests)')
  .option('--megapixels <number>', 'smallest photograph to take', Number, 12)
  .option('--runs <number>', 'runs of each, of which the least counts', Number, 3)
  .parse()
  .opts<{ photos?: string; megapixels: number; runs: number }>()

const sharp = await loadSharp()
const photographs = await benchPhotographs(photos, megapixels)
const widths = rungs.filter((rung) => rung >= 136 && rung <= 1960)
console.log(`${photographs.length} photograph(s), AVIF, medium band, least of ${runs} runs, CPU in ms\n`)

const table = new Table({
  style: { head: [], border: [], compact: true },
  head: [
    'width',
    'bare sharp',
    'render',
    'ratio',
    'WebP default',
    'ratio',
    'bytes ratio',
    'from master',
    'ratio',
    'worst',
  ],
  colAligns: Array.from({ length: 10 }, () => 'right' as const),
})
for (const width of widths) table.push(await rowFor(width))
console.log(table.toString())
console.log(`
render / bare sharp   the same job written by hand: what the pipeline itself costs (goal <= 1.03)
render / WebP default sharp's default WebP at the same width (goal <= 0.95 CPU and <= 0.85 bytes; looks are not compared)
from master / render  the same variant from the stored 2560 px master (goal <= 0.5 up to 1080 px)
All ratios are medians over the photographs; "worst" is the largest from master / render.`)

async function rowFor(width: number): Promise<string[]> {
  const size: Size = { kind: 'rung', width, ratio: '', fit: 'inside' }
  const variant: Variant = { id: '', rev: aliasRev, size, band: 2, format: 'avif' }
  const results: Awaited<ReturnType<typeof measure>>[] = []
  for (const photograph of photographs) results.push(await measure(photograph, variant, width))
  const of = (pick: (result: (typeof results)[number]) => number): number => median(results.map(pick))
  const fromMaster = results.map(({ master, ours }) => master.cpuMs / ours.cpuMs)
  return [
    String(width),
    of(({ bare }) => bare.cpuMs).toFixed(0),
    of(({ ours }) => ours.cpuMs).toFixed(0),
    of(({ ours, bare }) => ours.cpuMs / bare.cpuMs).toFixed(2),
    of(({ webp }) => webp.cpuMs).toFixed(0),
    of(({ ours, webp }) => ours.cpuMs / webp.cpuMs).toFixed(2),
    of(({ ours, webp }) => ours.result.bytes.length / webp.result.length).toFixed(2),
    of(({ master }) => master.cpuMs).toFixed(0),
    median(fromMaster).toFixed(2),
    Math.max(...fromMaster).toFixed(2),
  ]
}

async function measure({ bytes, width, height }: BenchPhotograph, variant: Variant, outputWidth: number) {
  const outputHeight = Math.round((outputWidth * height) / width)
  const resized = () =>
    sharp(bytes, { failOn: 'truncated', sequentialRead: true })
      .autoOrient()
      .resize({ width: outputWidth, height: outputHeight, fit: 'fill' })
  const bare = await cpuTime(
    () => resized().avif({ quality: 58, effort: 0, chromaSubsampling: '4:2:0' }).toBuffer(),
    runs,
  )
  const webp = await cpuTime(() => resized().webp().toBuffer(), runs)
  const ours = await cpuTime(() => renderFrom({ kind: 'original', bytes }, variant), runs)

  const masterBytes = await makeMaster(sharp, bytes, masterSize({ width, height }), defaultLimits)
  if (masterBytes === null) throw new Error('a JPEG has a master')
  const source: Source = { kind: 'master', bytes: masterBytes, originalSize: { width, height } }
  const master = await cpuTime(() => renderFrom(source, variant), runs)
  return { bare, webp, ours, master }
}

function renderFrom(source: Source, variant: Variant) {
  return render(sharp, source, variant, null, defaultLimits)
}
