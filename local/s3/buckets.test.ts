import {
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteBucketLifecycleCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketLocationCommand,
  GetBucketNotificationConfigurationCommand,
  GetBucketPolicyCommand,
  GetBucketVersioningCommand,
  GetPublicAccessBlockCommand,
  HeadBucketCommand,
  ListBucketsCommand,
  ListMultipartUploadsCommand,
  ListObjectsCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketNotificationConfigurationCommand,
  PutBucketPolicyCommand,
  PutBucketVersioningCommand,
  PutObjectAclCommand,
  PutObjectCommand,
  PutPublicAccessBlockCommand,
} from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BUCKET, failureOf, startTestServer, type TestServer } from './test-server.ts'

let server: TestServer
beforeAll(async () => {
  server = await startTestServer()
})
afterAll(() => server.stop())

describe('buckets', () => {
  it('creates, finds and lists a bucket', async () => {
    await server.client.send(new CreateBucketCommand({ Bucket: 'created' }))
    await server.client.send(new HeadBucketCommand({ Bucket: 'created' }))
    const { Buckets } = await server.client.send(new ListBucketsCommand({}))
    expect(Buckets?.map(({ Name }) => Name)).toContain('created')
    const location = await server.client.send(new GetBucketLocationCommand({ Bucket: 'created' }))
    expect(location.$metadata.httpStatusCode).toBe(200)
  })

  it('answers 404 for a bucket that is not there', async () => {
    expect(await failureOf(server.client.send(new HeadBucketCommand({ Bucket: 'missing' })))).toBe(
      '404 NotFound',
    )
  })

  it('refuses to create a bucket twice, even at the same time', async () => {
    const create = () => failureOf(server.client.send(new CreateBucketCommand({ Bucket: 'twice' })))
    const outcomes = await Promise.all([create(), create(), create()])
    expect(outcomes.toSorted()).toEqual([
      '409 BucketAlreadyOwnedByYou',
      '409 BucketAlreadyOwnedByYou',
      'succeeded',
    ])
  })

  it.each(['..', 'Upper', 'a/../..', 'x'])('refuses %j as the name of a bucket', async (name) => {
    const response = await server.client
      .send(new CreateBucketCommand({ Bucket: name }))
      .catch((error: unknown) => error)
    expect(response).toBeInstanceOf(Error)
    const { Buckets } = await server.client.send(new ListBucketsCommand({}))
    expect(Buckets?.map(({ Name }) => Name)).not.toContain(name)
  })

  it('refuses to delete a bucket that is not empty', async () => {
    await server.client.send(new PutObjectCommand({ Bucket: BUCKET, Key: 'kept', Body: '1' }))
    expect(await failureOf(server.client.send(new DeleteBucketCommand({ Bucket: BUCKET })))).toBe(
      '409 BucketNotEmpty',
    )
  })

  it('deletes an empty bucket together with its unfinished uploads', async () => {
    await server.client.send(new CreateBucketCommand({ Bucket: 'short-lived' }))
    await server.client.send(new CreateMultipartUploadCommand({ Bucket: 'short-lived', Key: 'unfinished' }))
    await server.client.send(new DeleteBucketCommand({ Bucket: 'short-lived' }))
    expect(await failureOf(server.client.send(new HeadBucketCommand({ Bucket: 'short-lived' })))).toBe(
      '404 NotFound',
    )
    await server.client.send(new CreateBucketCommand({ Bucket: 'short-lived' }))
    const { Uploads } = await server.client.send(new ListMultipartUploadsCommand({ Bucket: 'short-lived' }))
    expect(Uploads).toBeUndefined()
  })
})

describe('bucket configuration', () => {
  it('keeps a lifecycle, also over a restart, until it is deleted', async () => {
    await server.client.send(
      new PutBucketLifecycleConfigurationCommand({
        Bucket: BUCKET,
        LifecycleConfiguration: {
          Rules: [
            { ID: 'exp', Status: 'Enabled', Filter: { Prefix: 'variants/' }, Expiration: { Days: 30 } },
            {
              ID: 'mpu',
              Status: 'Enabled',
              Filter: {},
              AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
            },
          ],
        },
      }),
    )
    await server.restart()
    const getLifecycle = new GetBucketLifecycleConfigurationCommand({ Bucket: BUCKET })
    const { Rules } = await server.client.send(getLifecycle)
    expect(Rules?.map(({ ID }) => ID)).toEqual(['exp', 'mpu'])
    await server.client.send(new DeleteBucketLifecycleCommand({ Bucket: BUCKET }))
    expect(await failureOf(server.client.send(getLifecycle))).toBe('404 NoSuchLifecycleConfiguration')
  })

  it('keeps a notification configuration', async () => {
    await server.client.send(
      new PutBucketNotificationConfigurationCommand({
        Bucket: BUCKET,
        NotificationConfiguration: {
          QueueConfigurations: [
            { QueueArn: 'arn:aws:sqs:us-east-1:000000000000:q', Events: ['s3:ObjectCreated:*'] },
          ],
        },
      }),
    )
    const { QueueConfigurations } = await server.client.send(
      new GetBucketNotificationConfigurationCommand({ Bucket: BUCKET }),
    )
    expect(QueueConfigurations).toHaveLength(1)
  })

  it('keeps a policy and a public access block', async () => {
    const Policy = '{"Version":"2012-10-17","Statement":[]}'
    await server.client.send(
      new PutPublicAccessBlockCommand({
        Bucket: BUCKET,
        PublicAccessBlockConfiguration: { BlockPublicAcls: true },
      }),
    )
    await server.client.send(new PutBucketPolicyCommand({ Bucket: BUCKET, Policy }))
    const block = await server.client.send(new GetPublicAccessBlockCommand({ Bucket: BUCKET }))
    expect(block.PublicAccessBlockConfiguration?.BlockPublicAcls).toBe(true)
    expect((await server.client.send(new GetBucketPolicyCommand({ Bucket: BUCKET }))).Policy).toBe(Policy)
  })

  it('does not offer versioning', async () => {
    const VersioningConfiguration = { Status: 'Enabled' } as const
    const enable = new PutBucketVersioningCommand({ Bucket: BUCKET, VersioningConfiguration })
    expect(await failureOf(server.client.send(enable))).toBe('501 NotImplemented')
    const { Status } = await server.client.send(new GetBucketVersioningCommand({ Bucket: BUCKET }))
    expect(Status).toBeUndefined()
  })

  it('says so when it does not have an operation, instead of taking it for another', async () => {
    await server.client.send(new PutObjectCommand({ Bucket: BUCKET, Key: 'acl', Body: 'content' }))
    const putAcl = new PutObjectAclCommand({ Bucket: BUCKET, Key: 'acl', ACL: 'private' })
    expect(await failureOf(server.client.send(putAcl))).toBe('501 NotImplemented')
    expect(await failureOf(server.client.send(new ListObjectsCommand({ Bucket: BUCKET })))).toBe(
      '501 NotImplemented',
    )
  })
})
