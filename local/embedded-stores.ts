import { join } from 'node:path'
import { DescribeTableCommand } from '@aws-sdk/client-dynamodb'
import { HeadBucketCommand } from '@aws-sdk/client-s3'
import type { Logger } from 'pino'
import type { Ledger } from '../core/ledger.ts'
import type { MetadataStore } from '../core/metadata-store.ts'
import type { ObjectStore } from '../core/object-store.ts'
import type { LocalConfig } from '../runtime/config.ts'
import { createDynamoLedger } from '../stores/dynamo-ledger.ts'
import { createDynamoMetadataStore } from '../stores/dynamo-metadata-store.ts'
import { ensureLedgerTable, ensureTable } from '../stores/dynamo-table.ts'
import { createS3ObjectStore } from '../stores/s3-object-store.ts'
import { startDynamoDb } from './dynamodb/index.ts'
import type { Part } from './health.ts'
import {
  allowUploadsFrom,
  createClients,
  ensureBucket,
  ledgerTableName,
  localCredentials,
  originalsBucket,
  tableName,
  variantsBucket,
} from './parts.ts'
import { createS3Server, type S3EventListener } from './s3/index.ts'

export interface EmbeddedStores {
  originals: ObjectStore
  variants: ObjectStore
  metadata: MetadataStore
  ledger: Ledger
  s3Url: string
  parts: Part[]
  /** What the embedded DynamoDB can't do. */
  missing: readonly string[]
}

export interface EmbeddedStoresOptions extends Pick<LocalConfig, 'dataDir' | 'dynamoDbEngine'> {
  /** Origins of pages that may send files straight to the originals bucket. */
  uploadOrigins: string[]
  onObjectEvent: S3EventListener
  log: Logger
  /** Takes what ends a part; it is called last in, first out. */
  onStop: (close: () => Promise<void>) => void
}

/** Starts S3 and DynamoDB on this machine, with buckets and table made. */
export async function startEmbeddedStores(options: EmbeddedStoresOptions): Promise<EmbeddedStores> {
  const { dataDir, dynamoDbEngine, uploadOrigins, onObjectEvent, log, onStop } = options

  const s3Server = createS3Server({
    dir: join(dataDir, 's3'),
    credentials: { [localCredentials.accessKeyId]: localCredentials.secretAccessKey },
    onEvent: onObjectEvent,
    onError: (error) => log.error({ err: error, part: 'S3' }, 'S3 request failed'),
  })
  const { port } = await s3Server.listen(0, '127.0.0.1')
  onStop(() => s3Server.close())
  const s3Url = `http://127.0.0.1:${port}`

  const dynamo = await startDynamoDb({
    dir: join(dataDir, 'dynamodb'),
    ...(dynamoDbEngine && { engine: dynamoDbEngine }),
    onExit: (error) => log.error({ err: error, part: 'DynamoDB' }, 'DynamoDB ended by itself'),
  })
  onStop(() => dynamo.stop())

  const { s3, dynamoDb } = createClients({ s3: s3Url, dynamoDb: dynamo.endpoint })
  onStop(async () => {
    s3.destroy()
    dynamoDb.destroy()
  })
  await Promise.all([
    ensureBucket(s3, originalsBucket),
    ensureBucket(s3, variantsBucket),
    ensureTable(dynamoDb, tableName),
    ensureLedgerTable(dynamoDb, ledgerTableName),
  ])
  await allowUploadsFrom(s3, originalsBucket, uploadOrigins)

  return {
    originals: createS3ObjectStore({ client: s3, bucket: originalsBucket }),
    variants: createS3ObjectStore({ client: s3, bucket: variantsBucket }),
    metadata: createDynamoMetadataStore({ client: dynamoDb, table: tableName }),
    ledger: createDynamoLedger({ client: dynamoDb, table: ledgerTableName }),
    s3Url,
    missing: dynamo.missing,
    parts: [
      {
        name: 'S3',
        where: `${s3Url} (${originalsBucket}, ${variantsBucket})`,
        check: () => s3.send(new HeadBucketCommand({ Bucket: originalsBucket })),
      },
      {
        name: 'DynamoDB',
        where: `${dynamo.endpoint} (${dynamo.engine}, tables ${tableName}, ${ledgerTableName})`,
        check: () => dynamoDb.send(new DescribeTableCommand({ TableName: tableName })),
      },
    ],
  }
}
