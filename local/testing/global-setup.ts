import type { TestProject } from 'vitest/node'
import { startDynamoDb } from '../dynamodb/index.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** The DynamoDB that all test files share: each makes tables of its own in it. */
    dynamoEndpoint: string
    dynamoEngine: 'dynamodb-local' | 'dynalite'
  }
}

/** Starts one DynamoDB in memory for a whole run of vitest: a java for each test file would take seconds. */
export default async function startTestDynamo(project: TestProject): Promise<() => Promise<void>> {
  const dynamo = await startDynamoDb()
  project.provide('dynamoEndpoint', dynamo.endpoint)
  project.provide('dynamoEngine', dynamo.engine)
  return () => dynamo.stop()
}
