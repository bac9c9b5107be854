import { createHash } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { SQSClient } from '@aws-sdk/client-sqs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Job, type JobQueue } from '../core/job-queue.ts'
import { createSqsJobQueue } from './sqs-job-queue.ts'

interface Batch {
  QueueUrl: string
  Entries: { Id: string; MessageBody: string }[]
}

let server: Server
let client: SQSClient
let queue: JobQueue
let batches: Batch[]
/** Codes with which the first requests are refused. */
let refusals: string[]
/** Bodies of messages that are not taken although the batch is. */
let unwanted: Set<string>

beforeEach(async () => {
  batches = []
  refusals = []
  unwanted = new Set()
  server = createServer(async (request, response) => {
    const batch = (await json(request)) as Batch
    const send = (status: number, body: object): void => {
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' }).end(JSON.stringify(body))
    }
    const refusal = refusals.shift()
    if (refusal !== undefined) return send(503, { __type: `com.amazonaws.sqs#${refusal}` })
    expect(request.headers['x-amz-target']).toBe('AmazonSQS.SendMessageBatch')
    expect(request.headers.authorization).toMatch(/^AWS4-HMAC-SHA256 .*\/sqs\/aws4_request/)
    batches.push(batch)
    const [taken, failed] = [false, true].map((wanted) =>
      batch.Entries.filter(({ MessageBody }) => unwanted.has(MessageBody) === wanted),
    )
    send(200, {
      Successful: taken!.map(({ Id, MessageBody }) => ({
        Id,
        MessageId: Id,
        MD5OfMessageBody: createHash('md5').update(MessageBody).digest('hex'),
      })),
      Failed: failed!.map(({ Id }) => ({ Id, Code: 'InternalError', SenderFault: false, Message: 'sorry' })),
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  client = new SQSClient({
    endpoint: url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'a', secretAccessKey: 's' },
  })
  queue = createSqsJobQueue({ client, queueUrl: `${url}/123456789012/jobs` })
})

afterEach(() => {
  client.destroy()
  server.close()
})

const jobs = (count: number): Job[] =>
  Array.from({ length: count }, (_, at) => ({ kind: 'upgrade', path: `/v/${at}` }))

const sent = (): Job[] =>
  batches.flatMap(({ Entries }) => Entries.map(({ MessageBody }) => Job.parse(JSON.parse(MessageBody))))

describe('the queue of jobs in SQS', () => {
  it('gets all jobs, ten in a message batch', async () => {
    await queue.send(jobs(23))
    expect(sent()).toEqual(expect.arrayContaining(jobs(23)))
    expect(batches.map(({ Entries }) => Entries.length).toSorted()).toEqual([10, 10, 3])
    expect(batches[0]?.QueueUrl).toContain('/123456789012/jobs')
  })

  it('is not asked for nothing', async () => {
    await queue.send([])
    expect(batches).toEqual([])
  })

  it('says so when one of many jobs is not taken', async () => {
    unwanted.add(JSON.stringify(jobs(3)[1]))
    await expect(queue.send(jobs(3))).rejects.toThrow('1 of 3 jobs not queued, first: InternalError sorry')
  })

  it('is asked again after a refusal that may pass, and says so after one that stays', async () => {
    refusals = ['ServiceUnavailable']
    await queue.send(jobs(1))
    expect(sent()).toEqual(jobs(1))
    refusals = ['ServiceUnavailable', 'ServiceUnavailable', 'ServiceUnavailable']
    await expect(queue.send(jobs(1))).rejects.toThrow()
  })
})
