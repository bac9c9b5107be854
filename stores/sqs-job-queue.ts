import { SendMessageBatchCommand, type SQSClient } from '@aws-sdk/client-sqs'
import type { Job, JobQueue } from '../core/job-queue.ts'

export interface SqsJobQueueOptions {
  client: SQSClient
  queueUrl: string
}

/** As many as one SendMessageBatch takes. */
const batchMax = 10

/** The jobs in an SQS queue, each a message with the job as JSON. */
export function createSqsJobQueue({ client, queueUrl }: SqsJobQueueOptions): JobQueue {
  return {
    async send(jobs) {
      const batches = Array.from({ length: Math.ceil(jobs.length / batchMax) }, (_, at) =>
        jobs.slice(at * batchMax, (at + 1) * batchMax),
      )
      await Promise.all(batches.map(sendBatch))
    },
  }

  async function sendBatch(jobs: readonly Job[]): Promise<void> {
    const { Failed = [] } = await client.send(
      new SendMessageBatchCommand({
        QueueUrl: queueUrl,
        Entries: jobs.map((job, at) => ({ Id: String(at), MessageBody: JSON.stringify(job) })),
      }),
    )
    if (Failed.length === 0) return
    const [first] = Failed
    throw new Error(
      `${Failed.length} of ${jobs.length} jobs not queued, first: ${first?.Code} ${first?.Message}`,
    )
  }
}
