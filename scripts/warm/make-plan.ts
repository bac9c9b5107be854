import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import pLimit from 'p-limit'
import type { ImageView } from '../../api/image-view.ts'
import { type ApiClient, CommandError } from '../api-client.ts'
import { exitCodeUsage } from '../exit.ts'
import { linesOf } from '../ladder/log-file.ts'
import { type Demand, readDemand } from './demand.ts'
import { readImageIds } from './image-ids.ts'
import { type Plan, planForDemand, planForImages, type Wanted } from './plan.ts'
import type { Source } from './source.ts'

export interface PlanOptions extends Wanted {
  from: Source
  /** The most images of `recent` and `album`; undefined: 20 of `recent`, all of an album. */
  images?: number | undefined
  /** Where the API is, and the CDN as well if nobody says otherwise. */
  url: string
  concurrency: number
}

const recentImages = 20

/**
 * Reads the source and plans what it takes to warm it. A log needs no API.
 *
 * @throws CommandError if the source cannot be read, or has nothing of what it should
 */
export async function makePlan(options: PlanOptions, connect: () => Promise<ApiClient>): Promise<Plan> {
  const { from, images, concurrency } = options
  switch (from.kind) {
    case 'recent':
      return planForImages(await (await connect()).newest(images ?? recentImages), options)
    case 'album':
      return planForImages(await (await connect()).newest(images ?? Infinity, from.albumId), options)
    case 'ids': {
      const ids = await readImageIds(from.file)
      const found = await findAll(await connect(), ids, concurrency)
      const plan = planForImages(found, options)
      const leftOut = { ...plan.leftOut, 'ids without an image that you may see': ids.length - found.length }
      return { ...plan, leftOut }
    }
    case 'log': {
      const demand = await readLog(from.file)
      return planForDemand(demand, { ...options, cdn: options.cdn ?? options.url })
    }
  }
}

async function findAll(client: ApiClient, ids: readonly string[], concurrency: number): Promise<ImageView[]> {
  const found = await pLimit(concurrency).map(ids, (id) => client.find(id))
  return found.filter((image) => image !== null)
}

async function readLog(path: string): Promise<Demand> {
  const demand = await readDemand(linesOfAll(path)).catch((cause: Error) => {
    throw new CommandError(`${path} cannot be read: ${cause.message}`, { cause, exitCode: exitCodeUsage })
  })
  const { used, ...others } = demand.lines
  if (used > 0) return demand
  const counts = Object.entries(others).map(([reason, count]) => `${count} ${reason}`)
  throw new CommandError(`There is no request for a public image in ${path}: ${counts.join(', ')}.`, {
    exitCode: exitCodeUsage,
  })
}

/** The lines of a file, or of all files in a folder, as CloudFront delivers its logs. */
async function* linesOfAll(path: string): AsyncGenerator<string, void, undefined> {
  if (!(await stat(path)).isDirectory()) return yield* linesOf(path)
  const entries = await readdir(path, { withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map(({ name }) => join(path, name))
  for (const file of files.toSorted()) yield* linesOf(file)
}
