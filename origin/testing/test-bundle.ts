import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inject } from 'vitest'
import { createTestLedgerTable, type TestTable } from '../../local/testing/test-table.ts'
import { buildFunction } from '../../scripts/build-lambda.ts'
import type { OriginWorld } from './test-origin.ts'

/** In the repository, so that the bundle finds sharp as it does beside its own node_modules. */
const dist = fileURLToPath(new URL('../../dist/', import.meta.url))

export interface TestBundle {
  /** Path of the module that Lambda would load. */
  file: string
  /** Of a function that works with the world's buckets and table, and with a ledger of its own. */
  environment: Record<string, string>
  ledgerTable: TestTable
  remove(): Promise<void>
}

/** The image origin as it is deployed, built into a folder of its own. */
export async function buildTestBundle(world: OriginWorld): Promise<TestBundle> {
  await mkdir(dist, { recursive: true })
  const outdir = await mkdtemp(join(dist, 'test-lambda-'))
  const { file } = await buildFunction('origin', outdir)
  const ledgerTable = await createTestLedgerTable()
  return {
    file,
    ledgerTable,
    environment: {
      ORIGINALS_BUCKET: world.originals.bucket,
      VARIANTS_BUCKET: world.variants.bucket,
      IMAGES_TABLE: world.table,
      LEDGER_TABLE: ledgerTable.table,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: world.s3.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: world.s3.credentials.secretAccessKey,
      AWS_ENDPOINT_URL_S3: world.s3.endpoint,
      AWS_ENDPOINT_URL_DYNAMODB: inject('dynamoEndpoint'),
    },
    remove: () => rm(outdir, { recursive: true, force: true }),
  }
}
