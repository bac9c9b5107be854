import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const repository = fileURLToPath(new URL('../..', import.meta.url))
const outputPauseMs = 50

export interface SystemProcess {
  url: string
  child: ChildProcess
  /** Sends a signal and resolves when the process has ended. */
  end(signal: NodeJS.Signals): Promise<void>
}

export interface SystemProcessOptions {
  dataDir: string
  /** Node itself unless given; `npm start`, for example. */
  command?: readonly [string, ...string[]]
  environment?: NodeJS.ProcessEnv
}

/**
 * Starts the local system in a process of its own, on a free port.
 *
 * @throws an error with all it has printed, if it ends instead
 */
export async function startSystemProcess({
  dataDir,
  command = [process.execPath, '--import', 'tsx', 'local/main.ts'],
  environment = {},
}: SystemProcessOptions): Promise<SystemProcess> {
  const [program, ...parameters] = command
  const child = spawn(program, parameters, {
    cwd: repository,
    env: { ...process.env, PORT: '0', DATA_DIR: dataDir, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  for (;;) {
    const url = /http:\/\/localhost:\d+/.exec(output)?.[0]
    if (url !== undefined && output.includes('Ctrl-C'))
      return { url, child, end: (signal) => end(child, signal) }
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the system ended: ${output}`)
    await new Promise((resolve) => setTimeout(resolve, outputPauseMs))
  }
}

function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve()
    child.once('exit', () => resolve())
    child.kill(signal)
  })
}
