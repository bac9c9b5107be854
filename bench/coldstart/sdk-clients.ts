import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { S3Client } from '@aws-sdk/client-s3'
import type { OriginConfig } from '../../runtime/config.ts'

/** Clients of the SDK for the services that the origin is told of. */
export function s3Client({ region, credentials, endpoints }: OriginConfig): S3Client {
  return new S3Client({
    region,
    credentials: credentialsOf(credentials),
    ...(endpoints.s3 !== undefined && { endpoint: endpoints.s3, forcePathStyle: true }),
  })
}

export function dynamoDbClient({ region, credentials, endpoints }: OriginConfig): DynamoDBClient {
  return new DynamoDBClient({
    region,
    credentials: credentialsOf(credentials),
    ...(endpoints.dynamoDb !== undefined && { endpoint: endpoints.dynamoDb }),
  })
}

function credentialsOf({ accessKeyId, secretAccessKey, sessionToken }: OriginConfig['credentials']) {
  return { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) }
}
