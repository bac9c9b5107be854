import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'
import { CommandError } from '../api-client.ts'
import { exitCodeUsage } from '../exit.ts'
import { linesOf } from '../ladder/log-file.ts'
import type { WarmRequest } from './plan.ts'
import type { WarmResult } from './warm-up.ts'

/*
 * The state of a warm-up: a file with a line of JSON for each request that was sent and each result, appended as they come.
 * An interrupted run has left all it did, a kill -9 at most half a line; the next run goes on from there. What it knows
 * goes by URL, so that another plan takes from it what both have in common.
 */

/** What earlier runs did of a plan. */
export interface Resumed {
  /** Requests that were answered, and how. */
  results: WarmResult[]
  /** Requests that were sent for it. */
  sent: number
  /** Those of them that count against the budget: of runs that were interrupted, since one came to its end. */
  spent: number
}

export interface Journal {
  resumed: Resumed
  asked(request: WarmRequest): void
  result(result: WarmResult): void
  /** Closes the file of a run that was interrupted: the next one goes on where it was. */
  suspend(): void
  /**
   * Closes the file of a run that came to its end. If everything is warm, the plan is taken out of it, and the file goes when
   * nothing else stands in it; else the next run asks for what is not warm, with a new budget.
   */
  end(allWarm: boolean): void
}

/** What was warm longer ago may have left the cache: it is asked for again. */
export const trustedMilliseconds = 24 * 60 * 60 * 1000

/** The data reach the disk itself this often; a crash of the process alone loses nothing. */
const syncMilliseconds = 1000

const header = { tintype: 'warm-up', version: 1 }
const Header = z.object({ tintype: z.literal(header.tintype), version: z.literal(header.version) })
const answered = { at: z.number(), url: z.string(), bytes: z.number(), milliseconds: z.number() }
const Entry = z.union([
  z.object({ ...answered, outcome: z.literal('already warm') }),
  z.object({ ...answered, outcome: z.literal('from bucket') }),
  z.object({ ...answered, outcome: z.literal('rendered') }),
  z.object({ at: z.number(), url: z.string(), outcome: z.literal('asked') }),
  z.object({ at: z.number(), url: z.string(), outcome: z.literal('failed') }),
  z.object({ at: z.number(), ended: z.literal(true) }),
])
type Entry = z.infer<typeof Entry>

/**
 * Opens the state of a warm-up, a new one where there is none.
 *
 * @param now milliseconds since the epoch
 * @throws CommandError if the file cannot be used, or is something else, which must not be overwritten
 */
export async function openJournal(
  path: string,
  requests: readonly WarmRequest[],
  now: () => number = Date.now,
): Promise<Journal> {
  try {
    return await open(path, requests, now)
  } catch (cause) {
    if (cause instanceof CommandError) throw cause
    const said = `The state cannot be kept in ${path}: ${(cause as Error).message}`
    throw new CommandError(said, { cause, exitCode: exitCodeUsage })
  }
}

async function open(path: string, requests: readonly WarmRequest[], now: () => number): Promise<Journal> {
  const planned = new Map(requests.map((request) => [request.url, request]))
  const entries = (await readEntries(path)).filter(({ at }) => at > now() - trustedMilliseconds)
  const file = rewrite(path, entries)
  let isSyncing = false
  const syncing = setInterval(() => {
    if (isSyncing) return
    isSyncing = true
    fdatasync(file, () => (isSyncing = false))
  }, syncMilliseconds).unref()

  function append(entry: Entry): void {
    writeSync(file, `${JSON.stringify(entry)}\n`)
  }

  function close(): void {
    clearInterval(syncing)
    fdatasyncSync(file)
    closeSync(file)
  }

  return {
    resumed: resume(entries, planned),
    asked: ({ url }) => append({ at: now(), url, outcome: 'asked' }),
    result(result) {
      const { url } = result.request
      if (result.outcome === 'failed') return append({ at: now(), url, outcome: 'failed' })
      const { outcome, bytes, milliseconds } = result
      return append({ at: now(), url, outcome, bytes, milliseconds })
    },
    suspend: close,
    end(allWarm) {
      if (!allWarm) append({ at: now(), ended: true })
      close()
      if (!allWarm) return
      const others = entries.filter((entry) => 'url' in entry && !planned.has(entry.url))
      if (others.length === 0) rmSync(path)
      else closeSync(rewrite(path, others))
    },
  }
}

function resume(entries: readonly Entry[], planned: ReadonlyMap<string, WarmRequest>): Resumed {
  const results = new Map<string, WarmResult>()
  let sent = 0
  let sentBeforeEnd = 0
  for (const entry of entries) {
    if ('ended' in entry) {
      sentBeforeEnd = sent
      continue
    }
    const request = planned.get(entry.url)
    if (request === undefined) continue
    if (entry.outcome === 'asked') sent++
    else if (entry.outcome === 'failed') results.delete(entry.url)
    else {
      const { outcome, bytes, milliseconds } = entry
      results.set(entry.url, { request, outcome, bytes, milliseconds })
    }
  }
  return { results: [...results.values()], sent, spent: sent - sentBeforeEnd }
}

async function readEntries(path: string): Promise<Entry[]> {
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  )
  if (size === 0) return []
  const entries: Entry[] = []
  let isFirst = true
  for await (const line of linesOf(path)) {
    const read = readJson(line)
    if (isFirst && !Header.safeParse(read).success) {
      const said = `${path} is no state of a warm-up. Name another file with --state.`
      throw new CommandError(said, { exitCode: exitCodeUsage })
    }
    isFirst = false
    // A run that was killed in the midst of a line has left half of it.
    const entry = Entry.safeParse(read)
    if (entry.success) entries.push(entry.data)
  }
  return entries
}

function readJson(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return null
  }
}

/** Puts a file with these entries in place of what was there, at one blow; the file is open for appending. */
function rewrite(path: string, entries: readonly Entry[]): number {
  mkdirSync(dirname(path), { recursive: true })
  const next = `${path}.next`
  rmSync(next, { force: true })
  const file = openSync(next, 'ax')
  writeSync(file, [header, ...entries].map((line) => `${JSON.stringify(line)}\n`).join(''))
  fdatasyncSync(file)
  renameSync(next, path)
  return file
}
