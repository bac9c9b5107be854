import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { createS3Server } from '../s3/index.ts'

const credentials = { accessKeyId: 'test', secretAccessKey: 'test-secret' }

export interface TestS3 {
  client: S3Client
  endpoint: string
  credentials: typeof credentials
  /** Makes a new empty bucket and gives its name. */
  createBucket(): Promise<string>
  stop(): Promise<void>
}

/** Starts an S3 in this process, in a folder that goes away with it. One is enough for a test file. */
export async function startTestS3(): Promise<TestS3> {
  const dir = await mkdtemp(join(tmpdir(), 'tintype-s3-'))
  const server = createS3Server({
    dir,
    credentials: { [credentials.accessKeyId]: credentials.secretAccessKey },
    // Nobody reads these objects after a crash.
    fsync: false,
  })
  const { port } = await server.listen(0, '127.0.0.1')
  const endpoint = `http://127.0.0.1:${port}`
  const client = new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials,
    requestChecksumCalculation: 'WHEN_REQUIRED',
  })

  return {
    client,
    endpoint,
    credentials,
    async createBucket() {
      const bucket = `test-${randomUUID()}`
      await client.send(new CreateBucketCommand({ Bucket: bucket }))
      return bucket
    },
    async stop() {
      client.destroy()
      await server.close()
      await rm(dir, { recursive: true, force: true })
    },
  }
}
