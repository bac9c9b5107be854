import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { DataDirInUse, takeDataDir } from './data-dir.ts'

let dataDir: string

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'tintype-data-'))
})

afterAll(() => rm(dataDir, { recursive: true }))

it('gives a folder to one of two that ask at the same time, and to the next when it is free', async () => {
  const both = await Promise.allSettled([takeDataDir(dataDir), takeDataDir(dataDir)])
  const taken = both.filter((each) => each.status === 'fulfilled')
  expect(taken).toHaveLength(1)
  expect(both.find((each) => each.status === 'rejected')?.reason).toBeInstanceOf(DataDirInUse)
  await taken[0]!.value()
  await (
    await takeDataDir(dataDir)
  )()
})
