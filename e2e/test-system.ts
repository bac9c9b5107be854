import { mkdtemp, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { startSystem, type System } from '../local/system.ts'
import { loadLocalConfig } from '../runtime/config.ts'

/** The whole system on a free port, with data of its own. */
export interface TestSystem extends System {
  dataDir: string
  /** Stops and starts again on the same data; the address changes. */
  restart(): Promise<void>
  /** Stops and removes the data. */
  remove(): Promise<void>
}

export async function startTestSystem(environment: NodeJS.ProcessEnv = {}): Promise<TestSystem> {
  const dataDir = await mkdtemp(join(tmpdir(), 'tintype-e2e-'))
  const start = () =>
    startSystem(
      loadLocalConfig({ PORT: '0', DATA_DIR: dataDir, ...environment }),
      pino({ level: process.env['TEST_LOG_LEVEL'] ?? 'silent' }),
    )
  let running = await start().catch(async (error: unknown) => {
    await rm(dataDir, { recursive: true, force: true })
    throw error
  })
  return {
    dataDir,
    get url() {
      return running.url
    },
    get parts() {
      return running.parts
    },
    get missing() {
      return running.missing
    },
    stop: () => running.stop(),
    async restart() {
      await running.stop()
      running = await start()
    },
    async remove() {
      await running.stop()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

export async function tokenFor(url: string, sub: string, more: object = {}): Promise<string> {
  const response = await fetch(`${url}/dev/token`, { method: 'POST', body: JSON.stringify({ sub, ...more }) })
  const { token } = (await response.json()) as { token: string }
  return token
}

/** What the tests read of an image's JSON. */
export interface ImageJson {
  id: string
  rev: string
  imageUrl: string
  thumbnailUrl: string
  srcset: string
  version: number
  width: number
  height: number
  mimeType: string
}

export async function upload(
  url: string,
  token: string,
  bytes: Uint8Array<ArrayBuffer>,
  filename = 'photo.jpg',
): Promise<Response> {
  const form = new FormData()
  form.append('file', new Blob([bytes], { type: 'image/jpeg' }), filename)
  return fetch(`${url}/images`, { method: 'POST', headers: { authorization: `Bearer ${token}` }, body: form })
}

/** The value of a counter in `GET /metrics`, summed over its labels. */
export async function counter(url: string, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text()
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}

/** Sends a path as it is: `fetch` would fold `%2e%2e` and refuse some characters. */
export function rawGet(
  url: string,
  path: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; body: Buffer }> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const outgoing = request({ hostname, port, path, headers }, (incoming) => {
      const chunks: Buffer[] = []
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
      incoming.on('end', () => {
        resolve({ status: incoming.statusCode!, headers: incoming.headers, body: Buffer.concat(chunks) })
      })
      incoming.on('error', reject)
    })
    outgoing.on('error', reject)
    outgoing.end()
  })
}
