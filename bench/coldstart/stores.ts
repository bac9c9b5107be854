import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { newRecord } from '../../api/new-record.ts'
import type { ImageRecord } from '../../core/image.ts'
import { startDynamoDb } from '../../local/dynamodb/index.ts'
import { createClients, ensureBucket, localCredentials, localRegion } from '../../local/parts.ts'
import { photographs } from '../../local/photographs.ts'
import { createS3Server } from '../../local/s3/index.ts'
import { createDynamoMetadataStore } from '../../stores/dynamo-metadata-store.ts'
import { ensureLedgerTable, ensureTable } from '../../stores/dynamo-table.ts'
import { createS3ObjectStore } from '../../stores/s3-object-store.ts'

const originalsBucket = 'originals'
const variantsBucket = 'variants'
const table = 'images'
const ledgerTable = 'ledger'
const id = '01JD0R3XW6ZQJ5Y5T1V9N4K8MH'
const rev = '0a1b2c3d'

export interface BenchStores {
  /** Of a function that works with them. */
  environment: Record<string, string>
  /** An alias whose variant is stored; without the slash it is its key as well. */
  storedPath: string
  /** Of a variant that has to be rendered. */
  unstoredPath: string
  stop(): Promise<void>
}

/** S3 and DynamoDB in this process, with one photograph in them. */
export async function startStores(dir: string): Promise<BenchStores> {
  const s3Server = createS3Server({
    dir: join(dir, 's3'),
    credentials: { [localCredentials.accessKeyId]: localCredentials.secretAccessKey },
    fsync: false,
  })
  const { port } = await s3Server.listen(0, '127.0.0.1')
  const dynamo = await startDynamoDb()
  const s3Url = `http://127.0.0.1:${port}`
  const { s3, dynamoDb } = createClients({ s3: s3Url, dynamoDb: dynamo.endpoint })
  await Promise.all([
    ensureBucket(s3, originalsBucket),
    ensureBucket(s3, variantsBucket),
    ensureTable(dynamoDb, table),
    ensureLedgerTable(dynamoDb, ledgerTable),
  ])

  const photograph = await readFile(photographs[0]!.path)
  const record = recordOf(photograph.length)
  await createS3ObjectStore({ client: s3, bucket: originalsBucket }).put(record.s3Key, photograph, {
    contentType: 'image/jpeg',
  })
  await createDynamoMetadataStore({ client: dynamoDb, table }).create(record)
  // Under its revision for the alias, and under the alias for who asks for a key.
  const variants = createS3ObjectStore({ client: s3, bucket: variantsBucket })
  const variant = '1-w640-q2.webp'
  for (const each of [rev, '_']) {
    await variants.put(`v/${id}/${each}/${variant}`, photograph, { contentType: 'image/webp' })
  }

  return {
    environment: {
      ORIGINALS_BUCKET: originalsBucket,
      VARIANTS_BUCKET: variantsBucket,
      IMAGES_TABLE: table,
      LEDGER_TABLE: ledgerTable,
      LOG_LEVEL: 'error',
      AWS_REGION: localRegion,
      AWS_ACCESS_KEY_ID: localCredentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: localCredentials.secretAccessKey,
      AWS_ENDPOINT_URL_S3: s3Url,
      AWS_ENDPOINT_URL_DYNAMODB: dynamo.endpoint,
    },
    storedPath: `/v/${id}/_/${variant}`,
    unstoredPath: `/v/${id}/${rev}/1-w640-q2.avif`,
    async stop() {
      s3.destroy()
      dynamoDb.destroy()
      await s3Server.close()
      await dynamo.stop()
    },
  }
}

function recordOf(fileSize: number): ImageRecord {
  return newRecord('2026-11-22T12:00:00.000Z', {
    id,
    userId: 'bench',
    originalFilename: 'photograph.jpg',
    mimeType: 'image/jpeg',
    fileSize,
    width: 1024,
    height: 750,
    s3Key: `o/${id}/${rev}.jpg`,
    s3Bucket: originalsBucket,
    sha256: rev.repeat(8),
    rev,
  })
}
