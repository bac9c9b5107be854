import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { peakMemoryBytes } from '../testing/peak-memory.ts'

/** What the process tells. */
type Message = { kind: 'listening'; port: number } | { kind: 'invoked'; requestId: string }

export interface Lambda {
  url: string
  /** Resolves when as many invocations have ended, what goes on after an answer included. */
  invoked(count: number): Promise<void>
  /** The most memory that the process has held so far, in bytes. */
  peakMemoryBytes(): Promise<number>
  /** All that the function has written to its log. */
  log(): string
  stop(): Promise<void>
}

/**
 * Runs a bundle in a process of its own as Lambda would, behind a function URL on this machine.
 *
 * @param environment the function's environment, whole: it has nothing of this process's but the path
 * @throws an error with all it has printed, if it ends instead
 */
export async function startLambda(bundle: string, environment: Record<string, string>): Promise<Lambda> {
  // Compiled beforehand: the function's process is to hold and to do nothing that it would not in Lambda.
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('child.ts', import.meta.url))],
    bundle: true,
    platform: 'node',
    format: 'esm',
    write: false,
  })
  const dir = await mkdtemp(join(tmpdir(), 'tintype-lambda-'))
  await writeFile(join(dir, 'child.mjs'), outputFiles[0]!.contents)
  const child = fork(join(dir, 'child.mjs'), [bundle], {
    execArgv: [],
    env: { PATH: process.env['PATH'], ...environment },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  let output = ''
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
  }
  const invocations: string[] = []
  child.on('message', (message: Message) => {
    if (message.kind === 'invoked') invocations.push(message.requestId)
  })
  const exited = once(child, 'exit')
  const port = await Promise.race([
    new Promise<number>((resolve) => {
      child.on('message', (message: Message) => {
        if (message.kind === 'listening') resolve(message.port)
      })
    }),
    exited.then(() => Promise.reject(new Error(`the function ended: ${output}`))),
  ])
  return {
    url: `http://127.0.0.1:${port}`,
    async invoked(count: number) {
      while (invocations.length < count) await once(child, 'message')
    },
    peakMemoryBytes: () => peakMemoryBytes(child.pid!),
    log: () => output,
    async stop() {
      child.kill('SIGTERM')
      await exited
      await rm(dir, { recursive: true })
    },
  }
}
