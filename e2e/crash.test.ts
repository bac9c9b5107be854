import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { photographs } from '../local/photographs.ts'
import { startEmbeddedStores } from '../local/embedded-stores.ts'
import {
  type SystemProcess,
  type SystemProcessOptions,
  startSystemProcess,
} from '../local/testing/system-process.ts'
import { loadLocalConfig } from '../runtime/config.ts'
import { type ImageJson, tokenFor, upload } from './test-system.ts'

const photographBytes = photographs.map(({ path }) => new Uint8Array(readFileSync(path)))
let dataDir: string
const processes: SystemProcess[] = []

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'tintype-crash-'))
})

afterAll(async () => {
  await Promise.all(processes.map((each) => each.end('SIGKILL')))
  await rm(dataDir, { recursive: true, force: true })
})

async function startProcess(command?: SystemProcessOptions['command']): Promise<SystemProcess> {
  const started = await startSystemProcess({ dataDir, ...(command && { command }) })
  processes.push(started)
  return started
}

/** Uploads without pause until the connection breaks; gives the acknowledged images. */
async function uploadUntilKilled(url: string, token: string, kill: () => void): Promise<ImageJson[]> {
  const acknowledged: ImageJson[] = []
  let killed = false
  let begun = 0
  const worker = async (): Promise<void> => {
    while (!killed) {
      const bytes = photographBytes[begun++ % photographBytes.length]!
      const response = await upload(url, token, bytes).catch(() => null)
      const image = response?.status === 201 ? await response.json().catch(() => null) : null
      if (image !== null) acknowledged.push(image as ImageJson)
      if (acknowledged.length >= 12 && !killed) {
        killed = true
        kill()
      }
    }
  }
  await Promise.all(Array.from({ length: 6 }, worker))
  return acknowledged
}

async function listAll(url: string, token: string): Promise<ImageJson[]> {
  const images: ImageJson[] = []
  let cursor: string | null = ''
  while (cursor !== null) {
    const query: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`
    const response = await fetch(`${url}/images?limit=100${query}`, {
      headers: { authorization: `Bearer ${token}` },
    })
    const page = (await response.json()) as { images: ImageJson[]; pagination: { nextCursor: string | null } }
    images.push(...page.images)
    cursor = page.pagination.nextCursor
  }
  return images
}

describe('kill -9 during uploads', () => {
  it('loses nothing that was acknowledged and lists nothing half-written', { timeout: 180_000 }, async () => {
    const acknowledged: ImageJson[] = []
    for (let round = 0; round < 3; round++) {
      const { url, end } = await startProcess()
      const token = await tokenFor(url, 'user-1')
      acknowledged.push(...(await uploadUntilKilled(url, token, () => void end('SIGKILL'))))
      await end('SIGKILL')
    }
    expect(acknowledged.length).toBeGreaterThanOrEqual(36)

    const { url, child, end } = await startProcess()
    const token = await tokenFor(url, 'user-1')
    const listed = await listAll(url, token)
    const listedIds = new Set(listed.map(({ id }) => id))
    expect(acknowledged.filter(({ id }) => !listedIds.has(id))).toEqual([])
    for (const { imageUrl } of listed) {
      const path = new URL(imageUrl)
      const response = await fetch(`${url}${path.pathname}${path.search}`)
      expect(response.status).toBe(200)
      expect((await response.arrayBuffer()).byteLength).toBeGreaterThan(1000)
    }

    await end('SIGINT')
    expect(child.exitCode).toBe(0)
    expect(await originalsOnDisk()).toHaveLength(listed.length)
  })

  it(
    'ends with npm, also with a killed one, and starts again on the same data',
    { timeout: 60_000 },
    async () => {
      const { url, end } = await startProcess(['npm', 'start'])
      await end('SIGKILL')
      const next = await startProcess()
      await expect(fetch(`${url}/health`)).rejects.toThrow()
      await next.end('SIGTERM')
    },
  )

  it('refuses a second system on the same data', { timeout: 60_000 }, async () => {
    const { end } = await startProcess()
    await expect(startProcess()).rejects.toThrow(/is in use by another running system/)
    await end('SIGTERM')
  })
})

/** Keys in the originals bucket, read from the stopped system's data. */
async function originalsOnDisk(): Promise<string[]> {
  const closers: (() => Promise<void>)[] = []
  const { originals } = await startEmbeddedStores({
    ...loadLocalConfig({ DATA_DIR: dataDir }),
    uploadOrigins: ['http://localhost'],
    onObjectEvent: () => {},
    log: pino({ level: 'silent' }),
    onStop: (close) => closers.push(close),
  })
  const keys: string[] = []
  for await (const key of originals.list('')) keys.push(key)
  for (const close of closers.toReversed()) await close()
  return keys
}
