import { join } from 'node:path'
import { startDynamoDbLocal } from './dynamodb-local.ts'
import { javaRelease, javaReleaseMin } from './java.ts'

export type DynamoDbEngine = 'dynamodb-local' | 'dynalite'

export interface DynamoDbOptions {
  /** Folder for the tables; absent, they are kept in memory. Each engine has a subfolder of its own. */
  dir?: string
  /** 0, the default, takes a free port. */
  port?: number
  /** Absent: DynamoDB Local where there is a Java that runs it, otherwise dynalite. */
  engine?: DynamoDbEngine
  /** Called if the engine ends without having been stopped. */
  onExit?: (error: Error) => void
}

export interface RunningDynamoDb {
  endpoint: string
  engine: DynamoDbEngine
  /** What the engine can't do that DynamoDB can, in words for people. */
  missing: readonly string[]
  /** May be called twice. Resolves when the port is free and the folder may be opened again. */
  stop(): Promise<void>
}

const missing: Record<DynamoDbEngine, readonly string[]> = {
  'dynamodb-local': [],
  dynalite: ['migration', 'streams', 'transactions', 'PartiQL', 'TTL expiry'],
}

/**
 * Starts a DynamoDB on this machine. It ends with this process, even with a killed one; nothing that was
 * acknowledged is lost by that.
 */
export async function startDynamoDb(options: DynamoDbOptions = {}): Promise<RunningDynamoDb> {
  const engine = options.engine ?? (await bestEngine())
  const dir = options.dir === undefined ? undefined : join(options.dir, engine)
  const port = options.port ?? 0
  const running = engine === 'dynalite' ? await dynalite() : await dynamoDbLocal()
  return { ...running, engine, missing: missing[engine] }

  async function dynalite() {
    // Loaded only when needed: it brings a native module that most never use.
    const { startDynalite } = await import('./dynalite.ts')
    return startDynalite({ dir, port })
  }

  async function dynamoDbLocal() {
    return startDynamoDbLocal({ dir, port, ...(options.onExit && { onExit: options.onExit }) })
  }
}

async function bestEngine(): Promise<DynamoDbEngine> {
  // java is run from a POSIX shell, which sees to it that it ends with us.
  if (process.platform === 'win32') return 'dynalite'
  const release = await javaRelease()
  return release !== null && release >= javaReleaseMin ? 'dynamodb-local' : 'dynalite'
}
