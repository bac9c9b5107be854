import { json } from 'node:stream/consumers'
import type { unmarshall } from '@aws-sdk/util-dynamodb'
import { type AwsCredentials, createAwsSender } from './aws-request.ts'

export interface LightDynamoDbOptions {
  region: string
  credentials: AwsCredentials
  /** Of something that speaks DynamoDB's protocol; DynamoDB itself unless given. */
  endpoint?: string | undefined
}

/** An item in DynamoDB's own notation, `{"id": {"S": "…"}}`. */
export type AttributeValues = Parameters<typeof unmarshall>[0]

/**
 * Carries out an operation, such as `GetItem`, and gives its output, both as DynamoDB's API reference has them.
 *
 * @throws AwsError for refusals
 */
export type LightDynamoDb = <Output>(operation: string, input: object) => Promise<Output>

/** A client for DynamoDB that loads in a few milliseconds where the SDK takes tens. */
export function createLightDynamoDb({ region, credentials, endpoint }: LightDynamoDbOptions): LightDynamoDb {
  const send = createAwsSender({
    name: 'dynamodb',
    region,
    credentials,
    endpoint: endpoint ?? `https://dynamodb.${region}.amazonaws.com`,
    errorCodeIn,
  })

  return async <Output>(operation: string, input: object) => {
    const answer = await send({
      method: 'POST',
      path: '/',
      headers: {
        'content-type': 'application/x-amz-json-1.0',
        'x-amz-target': `DynamoDB_20120810.${operation}`,
      },
      body: JSON.stringify(input),
    })
    return (await json(answer)) as Output
  }
}

/** `{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException"}`, or something else that is no JSON. */
function errorCodeIn(body: string): string {
  return /"__type"\s*:\s*"(?:[^"#]*#)?(\w+)"/.exec(body)?.[1] ?? ''
}
