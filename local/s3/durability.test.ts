import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createS3Server } from './index.ts'
import { ACCESS_KEY_ID, BUCKET, createClient, md5Hex, SECRET_ACCESS_KEY } from './test-server.ts'

const CREDENTIALS = { [ACCESS_KEY_ID]: SECRET_ACCESS_KEY }
const KILLS = 3
const ACKNOWLEDGED_PER_KILL = 40
const WRITERS = 8

let dir: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 's3-kill-'))
})
afterAll(() => rm(dir, { recursive: true, force: true }))

interface ServerProcess {
  readonly process: ChildProcess
  readonly client: S3Client
}

async function spawnServer(): Promise<ServerProcess> {
  const program = `
    import { createS3Server } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)}
    const server = createS3Server({ dir: ${JSON.stringify(dir)}, credentials: ${JSON.stringify(CREDENTIALS)} })
    const { port } = await server.listen(0)
    process.stdout.write(port + '\\n')
  `
  const args = ['--import', 'tsx', '--input-type=module', '--eval', program]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const [port] = (await once(createInterface(child.stdout), 'line')) as [string]
  return { process: child, client: createClient(`http://127.0.0.1:${port}`) }
}

/** What a client knows of a key: the versions it may hold now, `undefined` for none. */
class Ledger {
  readonly possible = new Map<string, (string | undefined)[]>()
  acknowledged = 0

  async write(key: string, version: string | undefined, send: () => Promise<unknown>): Promise<void> {
    const before = this.possible.get(key) ?? [undefined]
    // Until it is acknowledged, a write may have happened or not.
    this.possible.set(key, [...before, version])
    await send()
    this.possible.set(key, [version])
    this.acknowledged += 1
  }
}

/** Puts, overwrites and deletes until the server is gone. */
async function writeUntilKilled(
  client: S3Client,
  ledger: Ledger,
  writer: number,
  round: number,
): Promise<void> {
  for (let at = 0; ; at++) {
    const Key = `${writer}/${at % 5}`
    const Body = `${round}-${writer}-${at}-`.repeat(4000)
    try {
      if (at % 7 === 6) {
        await ledger.write(Key, undefined, () =>
          client.send(new DeleteObjectCommand({ Bucket: BUCKET, Key })),
        )
      } else {
        await ledger.write(Key, md5Hex(Body), () =>
          client.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body })),
        )
      }
    } catch {
      return
    }
  }
}

async function storedVersions(client: S3Client): Promise<Map<string, string>> {
  const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: BUCKET }))
  const versions = new Map<string, string>()
  for (const { Key = '', ETag, Size } of Contents) {
    const { Body } = await client.send(new GetObjectCommand({ Bucket: BUCKET, Key }))
    const bytes = (await Body?.transformToByteArray()) ?? new Uint8Array()
    expect({ ETag, Size }).toEqual({ ETag: `"${md5Hex(bytes)}"`, Size: bytes.length })
    versions.set(Key, md5Hex(bytes))
  }
  return versions
}

describe('after kill -9', () => {
  it('all that was acknowledged is there, byte for byte, and nothing half-written is listed', async () => {
    const ledger = new Ledger()
    for (let round = 0; round < KILLS; round++) {
      const server = await spawnServer()
      if (round === 0) await server.client.send(new CreateBucketCommand({ Bucket: BUCKET }))
      const target = ledger.acknowledged + ACKNOWLEDGED_PER_KILL
      const writers = Array.from({ length: WRITERS }, (_, writer) =>
        writeUntilKilled(server.client, ledger, writer, round),
      )
      while (ledger.acknowledged < target) await new Promise((resolve) => setTimeout(resolve, 5))
      server.process.kill('SIGKILL')
      await Promise.all([...writers, once(server.process, 'exit')])

      const survivor = await spawnServer()
      const stored = await storedVersions(survivor.client)
      const keys = new Set([...ledger.possible.keys(), ...stored.keys()])
      for (const key of keys) expect(ledger.possible.get(key) ?? []).toContain(stored.get(key))
      for (const key of keys) ledger.possible.set(key, [stored.get(key)])
      survivor.process.kill('SIGKILL')
      await once(survivor.process, 'exit')
    }
  })

  it('what nothing refers to is removed at the next start', async () => {
    const [tmp, data] = [join(dir, 'tmp'), join(dir, 'buckets', BUCKET, 'data')]
    await mkdir(tmp, { recursive: true })
    await writeFile(join(tmp, 'half-written'), 'x')
    await writeFile(join(data, 'unreferenced'), 'x')
    // What a file manager leaves is no bucket.
    await writeFile(join(dir, 'buckets', '.DS_Store'), 'x')
    const server = createS3Server({ dir, credentials: CREDENTIALS })
    const { port } = await server.listen(0)
    const client = createClient(`http://127.0.0.1:${port}`)
    const { KeyCount } = await client.send(new ListObjectsV2Command({ Bucket: BUCKET }))
    expect(await readdir(tmp)).toEqual([])
    expect(await readdir(data)).toHaveLength(KeyCount ?? -1)
    await server.close()
  })
})
