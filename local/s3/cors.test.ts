import {
  CreateBucketCommand,
  type CORSRule,
  DeleteBucketCorsCommand,
  GetBucketCorsCommand,
  GetObjectCommand,
  PutBucketCorsCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3'
import { createPresignedPost } from '@aws-sdk/s3-presigned-post'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BUCKET, failureOf, startTestServer, statusAndCode, type TestServer } from './test-server.ts'

const APP = 'http://localhost:3000'

let server: TestServer
beforeAll(async () => {
  server = await startTestServer()
  await server.client.send(new PutObjectCommand({ Bucket: BUCKET, Key: 'x', Body: 'x' }))
  await setRules([
    {
      AllowedMethods: ['PUT', 'POST'],
      AllowedOrigins: [APP, 'https://*.example.com'],
      AllowedHeaders: ['Content-Type', 'x-amz-*'],
      ExposeHeaders: ['ETag', 'x-amz-request-id'],
      MaxAgeSeconds: 600,
    },
    { AllowedMethods: ['GET'], AllowedOrigins: ['*'] },
  ])
})
afterAll(() => server.stop())

function setRules(CORSRules: CORSRule[], Bucket = BUCKET) {
  return server.client.send(new PutBucketCorsCommand({ Bucket, CORSConfiguration: { CORSRules } }))
}

function preflight(origin: string, method: string, headers?: string, bucket = BUCKET) {
  return fetch(`${server.endpoint}/${bucket}/x`, {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': method,
      ...(headers !== undefined && { 'access-control-request-headers': headers }),
    },
  })
}

function corsHeadersOf({ headers }: Response): Record<string, string> {
  return Object.fromEntries([...headers].filter(([name]) => name.startsWith('access-control-')))
}

describe('a preflight', () => {
  it('is answered with what the matching rule says', async () => {
    const response = await preflight(APP, 'PUT', 'content-type, X-Amz-Meta-A')
    expect(response.status).toBe(200)
    expect(corsHeadersOf(response)).toEqual({
      'access-control-allow-origin': APP,
      'access-control-allow-credentials': 'true',
      'access-control-allow-methods': 'PUT, POST',
      'access-control-allow-headers': 'content-type, x-amz-meta-a',
      'access-control-expose-headers': 'ETag, x-amz-request-id',
      'access-control-max-age': '600',
    })
    expect(response.headers.get('vary')).toContain('Origin')
  })

  it('matches origins with one wildcard', async () => {
    const allowed = await preflight('https://a.example.com', 'PUT')
    expect(allowed.headers.get('access-control-allow-origin')).toBe('https://a.example.com')
    expect((await preflight('https://example.com', 'PUT')).status).toBe(403)
    expect((await preflight('https://a.example.com.evil.test', 'PUT')).status).toBe(403)
  })

  it('falls to a later rule, for any origin', async () => {
    expect(corsHeadersOf(await preflight('http://elsewhere.test', 'GET'))).toEqual({
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'GET',
    })
  })

  it.each([
    ['of another origin', 'http://localhost:3001', 'PUT', undefined],
    ['with another method', APP, 'DELETE', undefined],
    ['with another header', APP, 'PUT', 'content-type, authorization'],
  ])('%s is refused', async (_, origin, method, headers) => {
    const response = await preflight(origin, method, headers)
    expect(corsHeadersOf(response)).toEqual({})
    expect(await statusAndCode(response)).toBe('403 AccessForbidden')
  })

  it('is refused for a bucket without rules', async () => {
    await server.client.send(new CreateBucketCommand({ Bucket: 'without-rules' }))
    expect(await statusAndCode(await preflight(APP, 'PUT', undefined, 'without-rules'))).toBe(
      '403 AccessForbidden',
    )
  })
})

describe('an actual request', () => {
  it('carries the headers of the rule, whether it succeeds or fails', async () => {
    const url = await getSignedUrl(server.client, new GetObjectCommand({ Bucket: BUCKET, Key: 'x' }))
    const succeeding = await fetch(url, { headers: { origin: 'http://elsewhere.test' } })
    expect(succeeding.status).toBe(200)
    expect(succeeding.headers.get('access-control-allow-origin')).toBe('*')
    const failing = await fetch(url.replace('/x?', '/y?'), { headers: { origin: 'http://elsewhere.test' } })
    expect(failing.status).toBe(403)
    expect(failing.headers.get('access-control-allow-origin')).toBe('*')
  })

  it('carries none when no rule allows it', async () => {
    const response = await fetch(`${server.endpoint}/${BUCKET}/x`, {
      method: 'PUT',
      headers: { origin: 'http://elsewhere.test' },
      body: 'x',
    })
    expect(corsHeadersOf(response)).toEqual({})
  })

  it.each([
    [APP, APP],
    ['http://elsewhere.test', null],
  ])('of a browser form from %s is allowed %s', async (origin, expected) => {
    const { url, fields } = await createPresignedPost(server.client, { Bucket: BUCKET, Key: 'form' })
    const body = new FormData()
    for (const [name, value] of Object.entries(fields)) body.append(name, value)
    body.append('file', new Blob(['x']), 'f')
    const response = await fetch(url, { method: 'POST', headers: { origin }, body })
    expect(response.status).toBe(204)
    expect(response.headers.get('access-control-allow-origin')).toBe(expected)
    expect(response.headers.get('access-control-expose-headers')).toBe(expected && 'ETag, x-amz-request-id')
  })
})

describe('the rules', () => {
  it('are kept over a restart, and gone when deleted', async () => {
    const Bucket = 'rules-kept'
    await server.client.send(new CreateBucketCommand({ Bucket }))
    await setRules([{ AllowedMethods: ['PUT'], AllowedOrigins: [APP] }], Bucket)
    await server.restart()
    const { CORSRules } = await server.client.send(new GetBucketCorsCommand({ Bucket }))
    expect(CORSRules).toHaveLength(1)
    expect((await preflight(APP, 'PUT', undefined, Bucket)).status).toBe(200)
    await server.client.send(new DeleteBucketCorsCommand({ Bucket }))
    expect((await preflight(APP, 'PUT', undefined, Bucket)).status).toBe(403)
    expect(await failureOf(server.client.send(new GetBucketCorsCommand({ Bucket })))).toBe(
      '404 NoSuchCORSConfiguration',
    )
  })

  it.each<[string, CORSRule]>([
    ['two wildcards in an origin', { AllowedMethods: ['PUT'], AllowedOrigins: ['http://*.*'] }],
    ['an unknown method', { AllowedMethods: ['PATCH'], AllowedOrigins: ['*'] }],
  ])('may not have %s', async (_, rule) => {
    expect(await failureOf(setRules([rule]))).toBe('400 InvalidRequest')
  })
})
