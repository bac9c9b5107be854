import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, inject, it } from 'vitest'
import { largePhotograph } from '../local/large-photograph.ts'
import { type Lambda, startLambda } from '../local/lambda/start-lambda.ts'
import { createTestLedgerTable } from '../local/testing/test-table.ts'
import { buildFunction } from '../scripts/build-lambda.ts'
import { createOriginWorld, type OriginWorld, rev } from './testing/test-origin.ts'

const dist = fileURLToPath(new URL('../dist/', import.meta.url))
const megabyte = 1e6

let outdir: string
let world: OriginWorld
let lambda: Lambda

beforeAll(async () => {
  await mkdir(dist, { recursive: true })
  outdir = await mkdtemp(join(dist, 'test-memory-'))
  const { file } = await buildFunction('origin', outdir)
  world = await createOriginWorld()
  lambda = await startLambda(file, {
    ORIGINALS_BUCKET: world.originals.bucket,
    VARIANTS_BUCKET: world.variants.bucket,
    IMAGES_TABLE: world.table,
    LEDGER_TABLE: (await createTestLedgerTable()).table,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: world.s3.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: world.s3.credentials.secretAccessKey,
    AWS_ENDPOINT_URL_S3: world.s3.endpoint,
    AWS_ENDPOINT_URL_DYNAMODB: inject('dynamoEndpoint'),
    // As deployed: by default glibc gives every thread an arena of its own, and each keeps what libvips freed.
    MALLOC_ARENA_MAX: '2',
  })
})

afterAll(async () => {
  await lambda?.stop()
  await world?.stop()
  await rm(outdir, { recursive: true, force: true })
})

it.runIf(process.platform === 'linux')(
  'holds less than 400 MB for any variant of a photograph of 24 megapixels, master included',
  async () => {
    const size = { width: 6000, height: 4000 }
    const image = await world.newImage(size, Buffer.from(await largePhotograph(size)))
    // The first from the original, with its master after it; then from the master; then the largest.
    const variants = ['1-w640-q2.avif', '1-w1960-q2.webp', '1-w3816-q3.avif', '1-w3816-q2.png']
    for (const [at, variant] of variants.entries()) {
      const response = await fetch(`${lambda.url}/v/${image.id}/${rev}/${variant}`)
      const body = await response.arrayBuffer()
      expect([response.status, response.headers.get('content-length')]).toEqual([200, `${body.byteLength}`])
      await lambda.invoked(at + 1)
      expect([variant, (await lambda.peakMemoryBytes()) / megabyte < 400]).toEqual([variant, true])
      if (variant.endsWith('.png')) expect(body.byteLength).toBeGreaterThan(6 * megabyte)
    }
    expect(await world.variants.head(`m/${image.id}/${rev}.jpg`)).not.toBeNull()
  },
)
