import { createHash, createHmac } from 'node:crypto'
import { once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import type { Socket } from 'node:net'
import {
  GetObjectCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  type S3Client,
} from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  ACCESS_KEY_ID,
  BUCKET,
  createClient,
  failureOf,
  SECRET_ACCESS_KEY,
  startTestServer,
  statusAndCode,
  type TestServer,
} from './test-server.ts'

const CONTENT = Buffer.alloc(100_000, 'x')

let server: TestServer
/** As presigning needs it: by default, the client signs the CRC32 of an empty body into the URL of a PUT. */
let presigner: S3Client
beforeAll(async () => {
  server = await startTestServer()
  presigner = createClient(server.endpoint, { requestChecksumCalculation: 'WHEN_REQUIRED' })
  await put(server.client, 'a/b.jpg', CONTENT)
  await put(server.client, 'other.jpg', CONTENT)
})
afterAll(() => server.stop())

function put(client: S3Client, Key: string, Body: Buffer | string) {
  return client.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body }))
}

async function getText(Key: string): Promise<string | undefined> {
  const { Body } = await server.client.send(new GetObjectCommand({ Bucket: BUCKET, Key }))
  return Body?.transformToString()
}

describe('a signed request', () => {
  it('is refused when signed with a wrong secret', async () => {
    const client = createClient(server.endpoint, {
      credentials: { accessKeyId: ACCESS_KEY_ID, secretAccessKey: 'wrong' },
    })
    expect(await failureOf(put(client, 'wrong', 'x'))).toBe('403 SignatureDoesNotMatch')
  })

  it.each(['AKIAUNKNOWN', 'toString'])('is refused when the access key is %s', async (accessKeyId) => {
    const client = createClient(server.endpoint, { credentials: { accessKeyId, secretAccessKey: 'wrong' } })
    expect(await failureOf(put(client, 'wrong', 'x'))).toBe('403 InvalidAccessKeyId')
  })

  it('is refused when it is a quarter of an hour old', async () => {
    server.advanceClock(16 * 60_000)
    expect(await failureOf(put(server.client, 'late', 'x'))).toBe('403 RequestTimeTooSkewed')
    server.advanceClock(-16 * 60_000)
  })

  it('is refused when a header was added on the way', async () => {
    const client = createClient(server.endpoint)
    client.middlewareStack.add(
      (next) => (args) => {
        const { headers } = args.request as { headers: Record<string, string> }
        headers['x-amz-meta-added'] = 'later'
        return next(args)
      },
      { step: 'finalizeRequest', priority: 'low' },
    )
    expect(await failureOf(put(client, 'added', 'x'))).toBe('403 AccessDenied')
  })

  it('is refused when its body is not the one that was signed', async () => {
    const response = await fetch(`${server.endpoint}/${BUCKET}/body`, {
      method: 'PUT',
      headers: signHeaders('PUT', `/${BUCKET}/body`, sha256Hex('signed')).headers,
      body: 'sent',
    })
    expect(await statusAndCode(response)).toBe('400 XAmzContentSHA256Mismatch')
  })
})

describe('an anonymous request', () => {
  it('may not read', async () => {
    expect(await statusAndCode(await fetch(`${server.endpoint}/${BUCKET}/a/b.jpg`))).toBe('403 AccessDenied')
  })

  it('may not write', async () => {
    const response = await fetch(`${server.endpoint}/${BUCKET}/anonymous`, { method: 'PUT', body: 'x' })
    expect(await statusAndCode(response)).toBe('403 AccessDenied')
  })
})

describe('a presigned GET', () => {
  const presign = (expiresIn = 60) =>
    getSignedUrl(
      presigner,
      new GetObjectCommand({
        Bucket: BUCKET,
        Key: 'a/b.jpg',
        ResponseContentDisposition: 'attachment; filename="z.jpg"',
      }),
      { expiresIn },
    )

  it('returns the object, with the headers it asks for', async () => {
    const response = await fetch(await presign())
    expect(response.status).toBe(200)
    expect(response.headers.get('content-disposition')).toBe('attachment; filename="z.jpg"')
    expect(CONTENT.equals(Buffer.from(await response.arrayBuffer()))).toBe(true)
  })

  it('asks for headers in any script', async () => {
    const ResponseContentDisposition = 'attachment; filename="日本.jpg"'
    const command = new GetObjectCommand({ Bucket: BUCKET, Key: 'a/b.jpg', ResponseContentDisposition })
    const { headers } = await fetch(await getSignedUrl(presigner, command))
    const disposition = headers.get('content-disposition') ?? ''
    expect(Buffer.from(disposition, 'latin1').toString()).toBe(ResponseContentDisposition)
  })

  it('is refused with another signature', async () => {
    const url = (await presign()).replace(/Signature=[0-9a-f]{4}/, 'Signature=dead')
    expect(await statusAndCode(await fetch(url))).toBe('403 SignatureDoesNotMatch')
  })

  it('is refused for another key', async () => {
    const url = (await presign()).replace('a/b.jpg', 'other.jpg')
    expect(await statusAndCode(await fetch(url))).toBe('403 SignatureDoesNotMatch')
  })

  it('is refused after it has expired', async () => {
    const url = await presign(60)
    server.advanceClock(62_000)
    expect(await statusAndCode(await fetch(url))).toBe('403 AccessDenied')
    server.advanceClock(-62_000)
  })

  it('may not be valid for more than a week', async () => {
    const url = (await presign()).replace('X-Amz-Expires=60', 'X-Amz-Expires=604801')
    expect(await statusAndCode(await fetch(url))).toBe('400 AuthorizationQueryParametersError')
  })
})

describe('a presigned PUT', () => {
  const presign = (input: Partial<PutObjectCommandInput>, signedHeader: string, client = presigner) =>
    getSignedUrl(client, new PutObjectCommand({ Bucket: BUCKET, Key: 'put', ...input }), {
      expiresIn: 60,
      signableHeaders: new Set([signedHeader]),
      unhoistableHeaders: new Set([signedHeader]),
    })
  const send = async (url: string, headers: Record<string, string> = {}) =>
    statusAndCode(await fetch(url, { method: 'PUT', headers, body: CONTENT.toString() }))

  it('stores a body of the signed content type only', async () => {
    const url = await presign({ ContentType: 'image/webp' }, 'content-type')
    expect(await send(url, { 'content-type': 'image/webp' })).toBe('200')
    expect(await getText('put')).toBe(CONTENT.toString())
    expect(await send(url, { 'content-type': 'text/html' })).toBe('403 SignatureDoesNotMatch')
  })

  it('is refused with another than the signed length', async () => {
    const url = await presign({ ContentLength: 10 }, 'content-length')
    expect(await send(url)).toBe('403 SignatureDoesNotMatch')
  })

  it('creates an object once with a signed If-None-Match: *', async () => {
    const url = await presign({ Key: 'put-once', IfNoneMatch: '*' }, 'if-none-match')
    expect(await send(url, { 'if-none-match': '*' })).toBe('200')
    expect(await send(url, { 'if-none-match': '*' })).toBe('412 PreconditionFailed')
  })

  it('obeys the headers that the presigner moved into the URL', async () => {
    expect(await send(await presign({ Key: 'hoisted', Metadata: { a: 'ü' } }, 'host'))).toBe('200')
    const { Metadata } = await server.client.send(new GetObjectCommand({ Bucket: BUCKET, Key: 'hoisted' }))
    expect(Metadata).toEqual({ a: 'ü' })
  })

  it('is refused when the client that signed it put the checksum of an empty body into the URL', async () => {
    const url = await presign({}, 'host', server.client)
    expect(new URL(url).searchParams.get('x-amz-checksum-crc32')).toBe('AAAAAA==')
    expect(await send(url)).toBe('400 BadDigest')
  })
})

describe('a body with signed chunks', () => {
  const path = `/${BUCKET}/chunked`
  const chunks = ['a'.repeat(70_000), 'b'.repeat(1000), '']

  /** Sends chunks, optionally changed after signing, with a CRC32 in a signed trailer. */
  async function sendChunks(change = (body: string) => body): Promise<string> {
    const { headers, sign } = signHeaders('PUT', path, 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER', {
      'content-encoding': 'aws-chunked',
      'x-amz-decoded-content-length': '71000',
      'x-amz-trailer': 'x-amz-checksum-sha256',
    })
    const signedChunks = chunks.map((chunk) => {
      const signature = sign('AWS4-HMAC-SHA256-PAYLOAD', sha256Hex(''), sha256Hex(chunk))
      return `${chunk.length.toString(16)};chunk-signature=${signature}\r\n${chunk}${chunk && '\r\n'}`
    })
    const sha256 = createHash('sha256').update(chunks.join('')).digest('base64')
    const trailer = `x-amz-checksum-sha256:${sha256}`
    const trailerSignature = sign('AWS4-HMAC-SHA256-TRAILER', sha256Hex(`${trailer}\n`))
    const body = `${signedChunks.join('')}${trailer}\r\nx-amz-trailer-signature:${trailerSignature}\r\n\r\n`
    return statusAndCode(await fetch(server.endpoint + path, { method: 'PUT', headers, body: change(body) }))
  }

  it('is stored without its framing', async () => {
    expect(await sendChunks()).toBe('200')
    expect(await getText('chunked')).toBe(chunks.join(''))
  })

  it.each([
    ['a changed chunk', (body: string) => body.replace('aaaa', 'aaab'), '403 SignatureDoesNotMatch'],
    ['a changed trailer', (body: string) => body.replace('sha256:', 'sha256:A'), '403 SignatureDoesNotMatch'],
    ['a missing end', (body: string) => body.slice(0, 71_000), '400 IncompleteBody'],
    [
      'a chunk without signature',
      (body: string) => body.replace(/;chunk[^\r]*/, ''),
      '403 SignatureDoesNotMatch',
    ],
    ['a malformed chunk header', (body: string) => `x${body}`, '400 IncompleteBody'],
  ])('is refused with %s', async (_, change, expected) => {
    expect(await sendChunks(change)).toBe(expected)
  })
})

describe('a request refused while its body is still coming', () => {
  it('is answered, and leaves the connection usable', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const path = `/${BUCKET}/refused`
    const { headers } = signHeaders('PUT', path, 'STREAMING-UNSIGNED-PAYLOAD-TRAILER')
    const refused = request(server.endpoint + path, { method: 'PUT', agent, headers })
    refused.end(Buffer.alloc(20_000_000, 'x'))
    const next = request(server.endpoint, { agent }).end()
    const outcomes = [refused, next].map(async (sent) => {
      const [[response], [socket]] = (await Promise.all([once(sent, 'response'), once(sent, 'socket')])) as [
        [IncomingMessage],
        [Socket],
      ]
      response.resume()
      return { status: response.statusCode, socket }
    })
    const [first, second] = await Promise.all(outcomes)
    expect([first?.status, second?.status]).toEqual([400, 403])
    expect(first?.socket === second?.socket).toBe(true)
    agent.destroy()
  })
})

/** Signature Version 4 by hand, for what the SDK does not send. */
function signHeaders(method: string, path: string, payloadHash: string, extra: Record<string, string> = {}) {
  const timestamp = new Date().toISOString().replace(/[-:]|\.\d{3}/g, '')
  const scope = [timestamp.slice(0, 8), 'us-east-1', 's3', 'aws4_request']
  const signed: Record<string, string> = {
    ...extra,
    host: new URL(server.endpoint).host,
    'x-amz-content-sha256': payloadHash,
    'x-amz-date': timestamp,
  }
  const names = Object.keys(signed).toSorted()
  const canonicalHeaders = names.map((name) => `${name}:${signed[name]}\n`).join('')
  const canonicalRequest = [method, path, '', canonicalHeaders, names.join(';'), payloadHash].join('\n')
  let key = Buffer.from(`AWS4${SECRET_ACCESS_KEY}`)
  for (const part of scope) key = createHmac('sha256', key).update(part).digest()
  const hmacHex = (...lines: string[]) => createHmac('sha256', key).update(lines.join('\n')).digest('hex')
  let previous = hmacHex('AWS4-HMAC-SHA256', timestamp, scope.join('/'), sha256Hex(canonicalRequest))
  const credential = [ACCESS_KEY_ID, ...scope].join('/')
  const authorization = `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${names.join(';')}, Signature=${previous}`
  const { host: _, ...headers } = signed
  return {
    headers: { ...headers, authorization },
    sign(purpose: string, ...hashes: string[]): string {
      previous = hmacHex(purpose, timestamp, scope.join('/'), previous, ...hashes)
      return previous
    },
  }
}

function sha256Hex(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
