import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Journal, openJournal, trustedMilliseconds } from './journal.ts'
import type { WarmRequest } from './plan.ts'
import type { WarmResult } from './warm-up.ts'

let directory: string
let path: string
let now: number
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tintype-warm-'))
  path = join(directory, 'state', 'warm-up.jsonl')
  now = Date.parse('2026-11-22T10:00:00Z')
})
afterEach(() => rm(directory, { recursive: true }))

const [a, b, c] = ['a', 'b', 'c'].map((name): WarmRequest => ({
  url: `https://cdn/${name}`,
  format: 'avif',
  pixels: 1,
  weight: 1,
})) as [WarmRequest, WarmRequest, WarmRequest]

function open(...requests: WarmRequest[]): Promise<Journal> {
  return openJournal(path, requests, () => now)
}

function warm(request: WarmRequest): WarmResult {
  return { request, outcome: 'rendered', bytes: 100, milliseconds: 12.5 }
}

function failed(request: WarmRequest): WarmResult {
  return { request, outcome: 'failed', reason: 'status 500', milliseconds: 1 }
}

/** Notes down requests and their results as a warm-up does. */
function note(journal: Journal, ...results: WarmResult[]): void {
  for (const result of results) {
    journal.asked(result.request)
    journal.result(result)
  }
}

describe('the state of a warm-up', () => {
  it('tells the next run what was warmed, and how often was asked', async () => {
    const first = await open(a, b, c)
    expect(first.resumed).toEqual({ results: [], sent: 0, spent: 0 })
    note(first, warm(a), failed(b))
    first.asked(c)
    first.suspend()

    const { resumed } = await open(a, b, c)
    expect(resumed).toEqual({ results: [warm(a)], sent: 3, spent: 3 })
  })

  it('is there without having been closed', async () => {
    note(await open(a, b), warm(a))
    expect((await open(a, b)).resumed).toMatchObject({ results: [warm(a)], sent: 1 })
  })

  it('stands a line that was cut off, and goes on after it', async () => {
    note(await open(a, b), warm(a))
    await appendFile(path, '{"at":1795341600000,"url":"https://cdn/b","outc')
    const second = await open(a, b)
    expect(second.resumed).toMatchObject({ results: [warm(a)], sent: 1 })
    note(second, warm(b))
    expect((await open(a, b)).resumed.results).toEqual([warm(a), warm(b)])
  })

  it('serves another plan with what both have in common', async () => {
    note(await open(a, b), warm(a), warm(b))
    expect((await open(b, c)).resumed).toEqual({ results: [warm(b)], sent: 1, spent: 1 })
  })

  it('is trusted for a day', async () => {
    note(await open(a, b), warm(a))
    now += trustedMilliseconds / 2
    note(await open(a, b), warm(b))
    now += trustedMilliseconds / 2
    expect((await open(a, b)).resumed).toEqual({ results: [warm(b)], sent: 1, spent: 1 })
  })

  it('goes when everything is warm', async () => {
    const journal = await open(a)
    note(journal, warm(a))
    journal.end(true)
    expect(await readdir(join(directory, 'state'))).toEqual([])
  })

  it('keeps what another plan has left', async () => {
    const other = await open(a, b)
    note(other, warm(a), warm(b))
    other.suspend()
    const journal = await open(b)
    journal.end(true)
    expect((await open(a, b)).resumed).toEqual({ results: [warm(a)], sent: 1, spent: 1 })
  })

  it('stays when something failed; the next run has a budget of its own', async () => {
    const first = await open(a, b)
    note(first, warm(a), failed(b))
    first.end(false)
    const second = await open(a, b)
    expect(second.resumed).toEqual({ results: [warm(a)], sent: 2, spent: 0 })
    note(second, failed(b))
    expect((await open(a, b)).resumed).toEqual({ results: [warm(a)], sent: 3, spent: 1 })
  })

  it.each(['{"name":"tintype"}', 'photo.jpg\n', '{"tintype":"warm-up","version":2}\n'])(
    'is not put in place of a file such as %j',
    async (text) => {
      path = join(directory, 'other')
      await writeFile(path, text)
      await expect(open(a)).rejects.toMatchObject({
        message: `${path} is no state of a warm-up. Name another file with --state.`,
        exitCode: 2,
      })
      expect(await readFile(path, 'utf8')).toBe(text)
    },
  )

  it('says where it cannot be kept', async () => {
    await writeFile(join(directory, 'state'), '')
    await expect(open(a)).rejects.toMatchObject({
      message: expect.stringContaining(`The state cannot be kept in ${path}`),
      exitCode: 2,
    })
    path = directory
    await expect(open(a)).rejects.toMatchObject({ exitCode: 2 })
  })
})
