import Table from 'cli-table3'
import { Command } from 'commander'
import { type Band, bandNames } from '../core/ladder.ts'
import { encode, firstEncoding, type LossyFormat } from '../origin/encoders.ts'
import { loadSharp } from '../runtime/sharp.ts'
import { median } from './cpu-time.ts'
import { compareAt, findQualities, type Tuned } from './encoders/auto-quality.ts'
import { contenders, defaultWebp } from './encoders/contenders.ts'
import { type Point, pointAt } from './encoders/curve.ts'
import { curveOf, measure, type Subject, subjectOf } from './encoders/measure.ts'
import { benchPhotographs, smallPhotographs } from './photographs.ts'

const options = new Command('npm run bench:encoders --')
  .description('CPU and bytes of encoders at equal SSIMULACRA2, and the looks that the bands have.')
  .option('--photos <dir>', 'folder with JPEGs, beside the nine photographs of the demo')
  .option('--megapixels <number>', 'smallest photograph to take from the folder', Number, 8)
  .option('--widths <list>', 'output widths', numbers, [136, 264, 640, 1256])
  .option(
    '--only <text>',
    'only contenders with this in their name; and WebP effort 4, which all are compared to',
  )
  .option('--targets <list>', 'scores at which to compare', numbers, [60, 70, 80])
  .option('--runs <number>', 'runs of each, of which the least counts', Number, 2)
  .option('--bands', 'only the looks of the bands')
  .option(
    '--auto [target]',
    'only what a quality of its own for each photograph saves, at a target score',
    Number,
  )
  .parse()
  .opts<{
    photos?: string
    megapixels: number
    widths: number[]
    only?: string
    targets: number[]
    runs: number
    bands?: true
    auto?: number | true
  }>()
const { photos, megapixels, widths, only = '', targets, runs } = options

/** The usual quality of sharp's WebP. */
const defaultQuality = 80

const sharp = await loadSharp()
const photographs = [
  ...(await smallPhotographs()),
  ...(photos === undefined ? [] : await benchPhotographs(photos, megapixels)),
]
const taken =
  photos === undefined ? 'the nine of the demo; --photos adds larger ones' : 'nine of the demo among them'
console.log(`${photographs.length} photographs (${taken}), medians over them, CPU the least of ${runs} runs`)
console.log('Encoders alone, from pixels scaled before; small pictures are mirrored to 113 px to be scored')
if (options.auto !== undefined) await reportAuto(options.auto === true ? 75 : options.auto)
else for (const width of widths) await report(width)

async function report(width: number): Promise<void> {
  const subjects: Subject[] = []
  for (const photograph of photographs) {
    const subject = await subjectOf(sharp, photograph, width)
    if (subject !== null) subjects.push(subject)
  }
  console.log(`\n${width} px, ${subjects.length} photographs`)
  if (options.bands === undefined) console.log(await contest(subjects))
  console.log(await looks(subjects))
}

/** Every contender beside sharp's default WebP. */
async function contest(subjects: readonly Subject[]): Promise<string> {
  const entered = contenders.filter((contender) => contender === defaultWebp || contender.name.includes(only))
  /** Of each subject the point of the default, and the curves of all contenders. */
  const measured: { usual: Point; curves: Point[][] }[] = []
  for (const subject of subjects) {
    const curves: Point[][] = []
    for (const contender of entered) curves.push(await curveOf(sharp, subject, contender, runs))
    const usual = curves[entered.indexOf(defaultWebp)]!.find(({ quality }) => quality === defaultQuality)!
    measured.push({ usual, curves })
  }
  const usualScore = median(measured.map(({ usual }) => usual.score))
  const table = new Table({
    style: { head: [], border: [], compact: true },
    head: [
      'encoder',
      'CPU x',
      'bytes x',
      'worst',
      'quality',
      ...targets.flatMap((target) => [`at ${target}: bytes x`, 'quality']),
    ],
  })
  for (const [at, { name }] of entered.entries()) {
    const usual = measured.flatMap(({ usual: point, curves }) => compared(point, curves[at]!, point.score))
    table.push([
      name,
      middle(
        usual.map(({ cpu }) => cpu),
        2,
      ),
      middle(
        usual.map(({ bytes }) => bytes),
        2,
      ),
      usual.length === 0 ? '-' : Math.max(...usual.map(({ bytes }) => bytes)).toFixed(2),
      middle(
        usual.map(({ quality }) => quality),
        0,
      ),
      ...targets.flatMap((target) => {
        const reached = measured.flatMap(({ curves }) => {
          const webp = pointAt(curves[entered.indexOf(defaultWebp)]!, target)
          return webp === null ? [] : compared(webp, curves[at]!, target)
        })
        return [
          middle(
            reached.map(({ bytes }) => bytes),
            2,
          ),
          middle(
            reached.map(({ quality }) => quality),
            0,
          ),
        ]
      }),
    ])
  }
  return `sharp's default WebP, quality ${defaultQuality}: score ${usualScore.toFixed(1)}; the first columns compare at its score in each photograph
${table.toString()}`
}

/** A curve beside a point of WebP at effort 4, at the same score; nothing where the curve does not reach it. */
function compared(webp: Point, curve: readonly Point[], score: number) {
  const point = pointAt(curve, score)
  if (point === null) return []
  return [{ cpu: point.cpuMs / webp.cpuMs, bytes: point.bytes / webp.bytes, quality: point.quality }]
}

/** What the settings of the product give in each band. */
async function looks(subjects: readonly Subject[]): Promise<string> {
  const formats: LossyFormat[] = ['avif', 'webp', 'jpeg']
  const table = new Table({
    style: { head: [], border: [], compact: true },
    head: [
      'as set',
      'low: score',
      '10th',
      'bytes',
      'medium: score',
      '10th',
      'bytes',
      'high: score',
      '10th',
      'bytes',
    ],
  })
  const rows = formats.flatMap((format) =>
    (format === 'avif' ? (['quick', 'thorough'] as const) : (['quick'] as const)).map((effort) => ({
      format,
      effort,
    })),
  )
  for (const { format, effort } of rows) {
    const cells: string[] = []
    for (const band of [1, 2, 3] satisfies Band[]) {
      const points: Omit<Point, 'quality'>[] = []
      for (const subject of subjects) {
        const size = { kind: 'rung', width: 0, ratio: '', fit: 'inside' } as const
        points.push(
          await measure(
            sharp,
            subject,
            (pipeline) => encode(pipeline, { format, band, size }, { ...firstEncoding, effort }),
            1,
          ),
        )
      }
      const scores = points.map(({ score }) => score).toSorted((a, b) => a - b)
      cells.push(
        median(scores).toFixed(1),
        scores[Math.floor(scores.length / 10)]!.toFixed(1),
        middle(
          points.map(({ bytes }) => bytes),
          0,
        ),
      )
    }
    table.push([`${format} ${effort}`, ...cells])
  }
  return table.toString()
}

/** What it saves to find a quality for each photograph, and how far one that was found at 640 px carries. */
async function reportAuto(target: number): Promise<void> {
  const cases = [
    { format: 'avif', band: 2, effort: 'thorough' },
    { format: 'avif', band: 2, effort: 'quick' },
    { format: 'avif', band: 1, effort: 'thorough' },
    { format: 'avif', band: 3, effort: 'thorough' },
    { format: 'webp', band: 2, effort: 'quick' },
    { format: 'jpeg', band: 2, effort: 'quick' },
  ] as const
  const table = new Table({
    style: { head: [], border: [], compact: true },
    head: [
      'format, band',
      'width',
      'photographs',
      'one quality: 10th, median, 90th',
      'its own: 10th, median, 90th',
      'bytes x',
      'beside quality',
    ],
  })
  const found = new Map<LossyFormat, Tuned[]>()
  for (const { format, band, effort } of cases) {
    if (!found.has(format)) found.set(format, await findQualities(sharp, photographs, format, target))
    for (const width of widths) {
      const comparison = await compareAt(sharp, found.get(format)!, format, width, band, effort)
      if (comparison === null) continue
      const spread = ({
        p10,
        median: middleOne,
        p90,
      }: {
        p10: number
        median: number
        p90: number
      }): string => [p10, middleOne, p90].map((value) => value.toFixed(1)).join(', ')
      table.push([
        `${format} ${effort}, ${bandNames[band - 1]}`,
        width,
        comparison.photographs,
        spread(comparison.usual),
        spread(comparison.tuned),
        comparison.bytesAtSameWorst?.toFixed(2) ?? '-',
        comparison.qualityAtSameWorst?.toFixed(0) ?? '-',
      ])
    }
  }
  console.log(`\nA quality of its own for each photograph: found at 640 px for a score of ${target} in the medium band
${table.toString()}
bytes x  beside the one quality for all that gives the same 10th percentile of scores`)
  for (const [format, tuned] of found) {
    console.log(
      `${format}: ${tuned
        .map(({ quality }) => quality)
        .toSorted((a, b) => a - b)
        .join(' ')}`,
    )
  }
}

function middle(values: readonly number[], digits: number): string {
  return values.length === 0 ? '-' : median(values).toFixed(digits)
}

function numbers(text: string): number[] {
  return text.split(',').map(Number)
}
