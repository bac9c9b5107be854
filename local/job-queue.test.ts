import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Job } from '../core/job-queue.ts'
import { type LocalJobQueue, openJobQueue } from './job-queue.ts'

const log = pino({ level: 'silent' })
const jobs: Job[] = [1, 2, 3].map((n) => ({ kind: 'upgrade', path: `/v/${n}` }))

let dir: string
const opened: LocalJobQueue[] = []

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tintype-jobs-'))
})

afterEach(async () => {
  await Promise.all(opened.splice(0).map((queue) => queue.stop()))
  await rm(dir, { recursive: true })
})

async function open(options: { random?: () => number } = {}): Promise<LocalJobQueue> {
  const queue = await openJobQueue({ dir, log, random: () => 0, ...options })
  opened.push(queue)
  return queue
}

/** Does all jobs as they come; `fail` decides which attempts fail. */
function recording(queue: LocalJobQueue, fail: (job: Job, attempt: number) => boolean = () => false): Job[] {
  const seen: Job[] = []
  queue.start(async (job) => {
    seen.push(job)
    if (fail(job, seen.length)) throw new Error('not today')
  })
  return seen
}

const isEmpty = (queue: LocalJobQueue) => vi.waitFor(() => expect(queue.counts().waiting).toBe(0))

describe('the local queue of jobs', () => {
  it('does each job once, one at a time, and leaves nothing behind', async () => {
    const queue = await open()
    let underway = 0
    const seen: Job[] = []
    queue.start(async (job) => {
      expect(++underway).toBe(1)
      await new Promise((resolve) => setTimeout(resolve, 2))
      underway--
      seen.push(job)
    })
    await queue.send(jobs)
    await isEmpty(queue)
    await queue.stop()
    expect(seen).toHaveLength(3)
    expect(seen).toEqual(expect.arrayContaining(jobs))
    expect((await readdir(dir)).filter((name) => name.endsWith('.json'))).toEqual([])
  })

  it('does a job once that was sent several times while it waited', async () => {
    const queue = await open()
    for (let n = 0; n < 3; n++) await queue.send([jobs[0]!])
    const seen = recording(queue)
    await isEmpty(queue)
    expect(seen).toEqual([jobs[0]])
  })

  it('does a job again that was sent again while it was done', async () => {
    const queue = await open()
    const seen: Job[] = []
    queue.start(async (job) => {
      seen.push(job)
      if (seen.length === 1) await queue.send([job])
    })
    await queue.send([jobs[0]!])
    await isEmpty(queue)
    expect(seen).toHaveLength(2)
  })

  it('goes on in the next process with what this one has not done', async () => {
    const first = await open()
    await first.send(jobs)
    await first.stop()
    const second = await open()
    expect(second.counts()).toEqual({ waiting: 3, dead: 0 })
    const seen = recording(second)
    await isEmpty(second)
    expect(seen).toHaveLength(3)
  })

  it('loses no job that was accepted, whenever the process is killed', async () => {
    const script = join(import.meta.dirname, 'testing', 'send-jobs.ts')
    const child = spawn(process.execPath, ['--import', 'tsx', script, dir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let accepted = 0
    child.stdout.on('data', (chunk: Buffer) => {
      accepted += chunk.toString().split('\n').length - 1
      if (accepted >= 25) child.kill('SIGKILL')
    })
    await once(child, 'close')
    const queue = await open()
    expect(queue.counts().waiting).toBeGreaterThanOrEqual(accepted)
    const seen = recording(queue)
    await isEmpty(queue)
    const paths = new Set(seen.map((job) => job.kind === 'upgrade' && job.path))
    for (let n = 0; n < accepted; n++) expect(paths).toContain(`/v/${n}`)
  })

  it('tries a job again that failed, later, and gives it up at last', async () => {
    const queue = await open()
    const seen = recording(queue, (job) => job === jobs[0] || (job.kind === 'upgrade' && job.path === '/v/1'))
    await queue.send(jobs)
    await isEmpty(queue)
    expect(seen.filter((job) => job.kind === 'upgrade' && job.path === '/v/1')).toHaveLength(5)
    expect(seen).toHaveLength(7)
    expect(queue.counts()).toEqual({ waiting: 0, dead: 1 })
    await queue.stop()
    expect((await open()).counts()).toEqual({ waiting: 0, dead: 1 })
  })

  it('does not wait for a job that is due later', async () => {
    const queue = await open({ random: () => 1 })
    const seen = recording(queue, (_, attempt) => attempt === 1)
    await queue.send(jobs)
    await vi.waitFor(() => expect(seen).toHaveLength(3))
    expect(queue.counts().waiting).toBe(1)
  })

  it('puts aside what it cannot read, and does the rest', async () => {
    await writeFile(join(dir, 'other.json'), '{"job":{"kind":"unheard-of"}}')
    const queue = await open()
    expect(queue.counts()).toEqual({ waiting: 0, dead: 1 })
    const seen = recording(queue)
    await queue.send(jobs)
    await isEmpty(queue)
    expect(seen).toHaveLength(3)
  })
})
