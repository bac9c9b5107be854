import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { GetObjectCommand, HeadObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3'
import { createPresignedPost, type PresignedPostOptions } from '@aws-sdk/s3-presigned-post'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { BUCKET, failureOf, startTestServer, statusAndCode, type TestServer } from './test-server.ts'

const CONTENT = Buffer.alloc(100_000, 'x')
const CONDITIONS: PresignedPostOptions['Conditions'] = [
  ['content-length-range', 10, 200_000],
  ['starts-with', '$Content-Type', 'image/'],
]

let server: TestServer
beforeAll(async () => {
  server = await startTestServer()
})
afterAll(() => server.stop())

interface FormOptions extends Partial<PresignedPostOptions> {
  readonly file?: Buffer | string
  readonly filename?: string
  /** Fields as the browser sends them, where they differ from what was signed. */
  readonly sent?: Record<string, string>
  readonly afterFile?: Record<string, string>
}

async function post({ file = CONTENT, filename = 'f.jpg', sent, afterFile, ...options }: FormOptions) {
  const { url, fields } = await createPresignedPost(server.client, {
    Bucket: BUCKET,
    Key: 'up/${filename}',
    Expires: 60,
    Conditions: CONDITIONS,
    Fields: { 'Content-Type': 'image/jpeg' },
    ...options,
  })
  const form = new FormData()
  for (const [name, value] of Object.entries({ ...fields, ...sent })) form.append(name, value)
  form.append('file', new Blob([new Uint8Array(Buffer.from(file))], { type: 'image/jpeg' }), filename)
  for (const [name, value] of Object.entries(afterFile ?? {})) form.append(name, value)
  return fetch(url, { method: 'POST', body: form, redirect: 'manual' })
}

function head(Key: string) {
  return server.client.send(new HeadObjectCommand({ Bucket: BUCKET, Key }))
}

describe('a browser form', () => {
  it('stores its file under its name, with type and metadata', async () => {
    const response = await post({ Fields: { 'Content-Type': 'image/jpeg', 'x-amz-meta-who': 'me' } })
    expect(await statusAndCode(response)).toBe('204')
    const object = await server.client.send(new GetObjectCommand({ Bucket: BUCKET, Key: 'up/f.jpg' }))
    expect(CONTENT.equals(Buffer.from((await object.Body?.transformToByteArray()) ?? []))).toBe(true)
    expect(object).toMatchObject({ ContentType: 'image/jpeg', Metadata: { who: 'me' } })
  })

  it('takes the name of the file without its path, in any script', async () => {
    expect((await post({ filename: '../../日本.jpg' })).status).toBe(204)
    expect(await failureOf(head('up/日本.jpg'))).toBe('succeeded')
  })

  it('takes a name with dollar signs as it is', async () => {
    expect((await post({ filename: 'a$$b$&.jpg' })).status).toBe(204)
    expect(await failureOf(head('up/a$$b$&.jpg'))).toBe('succeeded')
  })

  it('answers as the form wishes', async () => {
    const created = await post({ Fields: { 'Content-Type': 'image/jpeg', success_action_status: '201' } })
    expect(created.status).toBe(201)
    expect(await created.text()).toContain('<Key>up/f.jpg</Key>')
    const redirect = 'http://app.test/done?a=1'
    const redirected = await post({
      Fields: { 'Content-Type': 'image/jpeg', success_action_redirect: redirect },
    })
    expect(redirected.status).toBe(303)
    expect(redirected.headers.get('location')).toMatch(
      /^http:\/\/app\.test\/done\?a=1&bucket=test-bucket&key=up%2Ff\.jpg&etag=%22[0-9a-f]{32}%22$/,
    )
  })

  it('ignores what comes after the file', async () => {
    expect(
      (await post({ Key: 'up/after', afterFile: { key: 'up/elsewhere', submit: 'Upload' } })).status,
    ).toBe(204)
    expect(await failureOf(head('up/after'))).toBe('succeeded')
    expect(await failureOf(head('up/elsewhere'))).toBe('404 NotFound')
  })
})

describe('a browser form is refused', () => {
  it.each<[string, FormOptions, string]>([
    [
      'at once, however much file follows',
      { file: Buffer.alloc(5_000_000), sent: { 'X-Amz-Signature': 'dead'.repeat(16) } },
      '403 SignatureDoesNotMatch',
    ],
    ['when the file is too large', { file: Buffer.alloc(300_000) }, '400 EntityTooLarge'],
    ['when the file is too small', { file: 'x' }, '400 EntityTooSmall'],
    ['when a condition does not hold', { sent: { 'Content-Type': 'text/html' } }, '403 AccessDenied'],
    [
      'when the signature is not that of the policy',
      { sent: { 'X-Amz-Signature': 'dead'.repeat(16) } },
      '403 SignatureDoesNotMatch',
    ],
    ['when the key is too long', { Key: 'x'.repeat(1025) }, '400 KeyTooLongError'],
    [
      'when a field is too long',
      { Fields: { 'x-amz-meta-a': 'x'.repeat(21_000) } },
      '400 MaxPostPreDataLengthExceeded',
    ],
    ['when the key is another', { sent: { key: 'elsewhere' } }, '403 AccessDenied'],
    ['when a field is not in the policy', { sent: { 'x-amz-meta-extra': '1' } }, '403 AccessDenied'],
    ['when the bucket of the policy is another', { Conditions: [{ bucket: 'another' }] }, '403 AccessDenied'],
    [
      'when its metadata would break a header',
      { Fields: { 'Content-Type': 'image/jpeg', 'x-amz-meta-a': 'line\r\nbreak' } },
      '400 InvalidArgument',
    ],
  ])('%s', async (_, options, expected) => {
    expect(await statusAndCode(await post({ Key: 'refused', ...options }))).toBe(expected)
    expect(await failureOf(head('refused'))).toBe('404 NotFound')
    expect(await readdir(join(server.dir, 'tmp'))).toEqual([])
  })

  it('when the policy has expired', async () => {
    const { url, fields } = await createPresignedPost(server.client, {
      Bucket: BUCKET,
      Key: 'expired',
      Expires: 60,
    })
    const form = new FormData()
    for (const [name, value] of Object.entries(fields)) form.append(name, value)
    form.append('file', new Blob(['x']), 'f.jpg')
    server.advanceClock(62_000)
    expect(await statusAndCode(await fetch(url, { method: 'POST', body: form }))).toBe('403 AccessDenied')
    server.advanceClock(-62_000)
  })

  it('when it has no policy, or no file', async () => {
    const form = new FormData()
    form.append('key', 'x')
    const url = `${server.endpoint}/${BUCKET}`
    expect(await statusAndCode(await fetch(url, { method: 'POST', body: form }))).toBe('400 InvalidArgument')
    form.append('file', new Blob(['x']), 'f.jpg')
    expect(await statusAndCode(await fetch(url, { method: 'POST', body: form }))).toBe('403 AccessDenied')
  })

  it('when it does not come to its end', async () => {
    const { fields } = await createPresignedPost(server.client, { Bucket: BUCKET, Key: 'cut', Expires: 60 })
    const parts = Object.entries(fields).map(
      ([name, value]) => `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
    )
    const file = '--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nhalf of it'
    const body = parts.join('') + file
    const response = await fetch(`${server.endpoint}/${BUCKET}`, {
      method: 'POST',
      headers: { 'content-type': 'multipart/form-data; boundary=b' },
      body,
    })
    expect(await statusAndCode(response)).toBe('400 MalformedPOSTRequest')

    const { port } = new URL(server.endpoint)
    const socket = connect(Number(port), '127.0.0.1')
    await once(socket, 'connect')
    socket.write(
      `POST /${BUCKET} HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n` +
        `Content-Length: ${body.length + 1000}\r\n\r\n${body}`,
    )
    await vi.waitFor(async () => expect(await readdir(join(server.dir, 'tmp'))).toHaveLength(1), 20_000)
    socket.destroy()
    await once(socket, 'close')
    await server.restart()
    const { KeyCount } = await server.client.send(new ListObjectsV2Command({ Bucket: BUCKET, Prefix: 'cut' }))
    expect(KeyCount).toBe(0)
  })
})
