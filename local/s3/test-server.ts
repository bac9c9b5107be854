import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CreateBucketCommand, S3Client, type S3ClientConfig, S3ServiceException } from '@aws-sdk/client-s3'
import { createS3Server, type S3ServerOptions } from './index.ts'

export const ACCESS_KEY_ID = 'local'
export const SECRET_ACCESS_KEY = 'local-secret'
export const BUCKET = 'test-bucket'

/** A server on a free port and a fresh directory, with one bucket, and what tests do with it. */
export interface TestServer {
  readonly dir: string
  readonly endpoint: string
  readonly client: S3Client
  /** Moves the server's clock. */
  advanceClock(milliseconds: number): void
  /** Stops the server and starts another one on the same directory and port. */
  restart(): Promise<void>
  stop(): Promise<void>
}

/** Starts a server for tests; without flushes, which only a power cut could tell from their absence. */
export async function startTestServer(options: Partial<S3ServerOptions> = {}): Promise<TestServer> {
  const dir = await mkdtemp(join(tmpdir(), 's3-test-'))
  let clockOffset = 0
  const create = () =>
    createS3Server({
      dir,
      credentials: { [ACCESS_KEY_ID]: SECRET_ACCESS_KEY },
      fsync: false,
      now: () => Date.now() + clockOffset,
      ...options,
    })
  let server = create()
  const { port } = await server.listen(0)
  const endpoint = `http://127.0.0.1:${port}`
  const client = createClient(endpoint)
  await client.send(new CreateBucketCommand({ Bucket: BUCKET }))
  return {
    dir,
    endpoint,
    client,
    advanceClock(milliseconds) {
      clockOffset += milliseconds
    },
    async restart() {
      await server.close()
      server = create()
      await server.listen(port)
    },
    async stop() {
      client.destroy()
      await server.close()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** A client that asks once, so that no failure is retried away. */
export function createClient(endpoint: string, config: S3ClientConfig = {}): S3Client {
  return new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: ACCESS_KEY_ID, secretAccessKey: SECRET_ACCESS_KEY },
    maxAttempts: 1,
    ...config,
  })
}

/** The status and error code of a call that fails: `404 NoSuchKey`. */
export async function failureOf(call: Promise<unknown>): Promise<string> {
  try {
    await call
  } catch (error) {
    if (error instanceof S3ServiceException) return `${error.$metadata.httpStatusCode} ${error.name}`
    throw error
  }
  return 'succeeded'
}

/** The status and error code of a response: `403 AccessDenied`. */
export async function statusAndCode(response: Response): Promise<string> {
  const code = /<Code>(\w+)<\/Code>/.exec(await response.text())?.[1]
  return code === undefined ? String(response.status) : `${response.status} ${code}`
}

export function md5Hex(bytes: Uint8Array | string): string {
  return createHash('md5').update(bytes).digest('hex')
}
