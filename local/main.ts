import pino from 'pino'
import { ConfigError, loadLocalConfig } from '../runtime/config.ts'
import { DataDirInUse } from './data-dir.ts'
import { whenOrphaned } from './orphaned.ts'
import { startSystem, type System } from './system.ts'

// The SDK's advice to move to a newer Node is for its own users; ours read which Node is supported in the README.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true'

const stopMsMax = 15_000

try {
  const config = loadLocalConfig(process.env)
  const log = pino({ level: config.logLevel }, pino.destination({ fd: 2, sync: true }))
  const system = await startSystem(config, log)
  printBanner(system, config.dataDir)
  stopOnSignals(system)
} catch (error) {
  console.error(messageFor(error))
  process.exit(1)
}

function printBanner({ url, parts, missing }: System, dataDir: string): void {
  const width = Math.max(...parts.map(({ name }) => name.length))
  const lines = parts.map(({ name, where }) => `  ${name.padEnd(width)}  ${where}`)
  if (missing.length > 0) {
    lines.push(
      '',
      `  DynamoDB is dynalite here, since DynamoDB Local needs Java 17: without ${missing.join(', ')}.`,
    )
  }
  console.log(`
Tintype is running; its data is kept in ${dataDir}.

${lines.join('\n')}

Try:
  ${url}/          the gallery (npm run demo fills it with photographs)
  ${url}/docs      the API
  ${url}/health    the state of each part

Ctrl-C stops all of it.`)
}

/** The first signal stops in order, the second at once. */
function stopOnSignals(system: System): void {
  let stopping = false
  const stop = (): void => {
    if (stopping) process.exit(1)
    stopping = true
    // What hangs for so long is cut off: the next start puts in order what it leaves.
    setTimeout(() => process.exit(1), stopMsMax).unref()
    system.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        console.error(messageFor(error))
        process.exit(1)
      },
    )
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  // Without a terminal a hang-up means nothing: nohup has asked to live on.
  if (process.stdout.isTTY) process.on('SIGHUP', stop)
  // Killed, npm can't pass the signal on: its child would hold port and data against the next start.
  if (process.env.npm_lifecycle_event !== undefined) whenOrphaned(() => process.exit(1))
}

function messageFor(error: unknown): string {
  if (error instanceof ConfigError || error instanceof DataDirInUse) return error.message
  if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') {
    return 'The port is taken by another program: stop it, or set PORT to another one.'
  }
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
