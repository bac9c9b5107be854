import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import {
  CreateBucketCommand,
  HeadBucketCommand,
  NotFound,
  PutBucketCorsCommand,
  S3Client,
} from '@aws-sdk/client-s3'

/** What the embedded S3 lets in; it listens on this machine only. */
export const localCredentials = { accessKeyId: 'tintype', secretAccessKey: 'tintype-local' }
export const localRegion = 'us-east-1'
export const originalsBucket = 'tintype-originals'
export const variantsBucket = 'tintype-variants'
export const tableName = 'tintype-images'
export const ledgerTableName = 'tintype-ledger'

/** Clients for the embedded stores. */
export function createClients(endpoints: { s3: string; dynamoDb: string }): {
  s3: S3Client
  dynamoDb: DynamoDBClient
} {
  const common = { region: localRegion, credentials: localCredentials }
  return {
    s3: new S3Client({
      ...common,
      endpoint: endpoints.s3,
      forcePathStyle: true,
      // A presigned form must not demand a checksum that browsers don't send.
      requestChecksumCalculation: 'WHEN_REQUIRED',
    }),
    dynamoDb: new DynamoDBClient({ ...common, endpoint: endpoints.dynamoDb }),
  }
}

/** Makes a bucket that is not there yet. */
export async function ensureBucket(s3: S3Client, bucket: string): Promise<void> {
  try {
    await s3.send(new HeadBucketCommand({ Bucket: bucket }))
  } catch (error) {
    if (!(error instanceof NotFound)) throw error
    await s3.send(new CreateBucketCommand({ Bucket: bucket }))
  }
}

/** Lets pages of these origins send files straight to a bucket. */
export async function allowUploadsFrom(s3: S3Client, bucket: string, origins: string[]): Promise<void> {
  await s3.send(
    new PutBucketCorsCommand({
      Bucket: bucket,
      CORSConfiguration: {
        CORSRules: [{ AllowedOrigins: origins, AllowedMethods: ['POST', 'PUT'], AllowedHeaders: ['*'] }],
      },
    }),
  )
}
