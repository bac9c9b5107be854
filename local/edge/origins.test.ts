import { AwsV4Signer } from 'aws4fetch'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { startOrigin, type ControlledOrigin } from './edge-server.fixture.ts'
import { httpOrigin } from './http-origin.ts'
import { createOriginGroup, shouldFailover } from './origin-group.ts'
import { headerValue, OriginFailure, type Origin, type OriginFailureKind } from './origin.ts'
import { s3Origin } from './s3-origin.ts'

describe('shouldFailover', () => {
  it.each<[string, number | OriginFailureKind, boolean]>([
    ['GET', 404, true],
    ['GET', 500, true],
    ['GET', 503, true],
    ['GET', 504, true],
    ['HEAD', 404, true],
    ['OPTIONS', 404, true],
    ['GET', 403, false],
    ['GET', 200, false],
    ['GET', 304, false],
    ['GET', 400, false],
    ['GET', 416, false],
    ['GET', 502, false],
    ['POST', 404, false],
    ['PUT', 503, false],
    ['DELETE', 'connect', false],
    ['GET', 'connect', true],
    ['GET', 'timeout', true],
    ['GET', 'broken', false],
  ])('%s, %s: %s', (method, outcome, expected) => {
    expect(shouldFailover(method, outcome)).toBe(expected)
  })
})

describe('createOriginGroup', () => {
  const request = { method: 'GET', path: '/a', headers: {} }
  const answering =
    (status: number): Origin =>
    () =>
      Promise.resolve({ status, headers: [], body: Buffer.from(String(status)) })
  const failing =
    (kind: OriginFailureKind): Origin =>
    () =>
      Promise.reject(new OriginFailure(kind, kind))

  it('does not ask the secondary when the primary answers', async () => {
    const secondary: Origin = () => Promise.reject(new Error('asked'))
    const group = createOriginGroup({ primary: answering(200), secondary })
    expect((await group(request)).status).toBe(200)
  })

  it('answers as the secondary does, errors included', async () => {
    const group = createOriginGroup({ primary: answering(404), secondary: answering(500) })
    expect((await group(request)).status).toBe(500)
    const timeouts = createOriginGroup({ primary: failing('timeout'), secondary: failing('connect') })
    await expect(timeouts(request)).rejects.toThrow(/connect/)
  })

  it('passes on a broken answer, and a bug', async () => {
    const secondary = answering(200)
    await expect(createOriginGroup({ primary: failing('broken'), secondary })(request)).rejects.toThrow(
      /broken/,
    )
    const bug: Origin = () => Promise.reject(new TypeError('bug'))
    await expect(createOriginGroup({ primary: bug, secondary })(request)).rejects.toThrow(TypeError)
  })
})

describe('httpOrigin', () => {
  let remote: ControlledOrigin
  beforeEach(async () => {
    remote = await startOrigin((_, res) => res.writeHead(200, { 'X-Mixed': 'Case' }).end('body'))
  })
  afterEach(() => remote.close())

  it('sends path and headers as they are, under the prefix of the base', async () => {
    const origin = httpOrigin({ baseUrl: `${remote.baseUrl}/prefix` })
    const response = await origin({ method: 'GET', path: '/a/%2e%2e/b', headers: { 'if-none-match': '"a"' } })
    expect(response.status).toBe(200)
    expect(response.body.toString()).toBe('body')
    expect(headerValue(response.headers, 'x-mixed')).toBe('Case')
    expect(remote.requests[0]).toMatchObject({ url: '/prefix/a/%2e%2e/b' })
    expect(remote.requests[0]!.headers).toMatchObject({ 'if-none-match': '"a"' })
  })

  it('keeps the connection', async () => {
    const origin = httpOrigin({ baseUrl: remote.baseUrl })
    await origin({ method: 'GET', path: '/a', headers: {} })
    await origin({ method: 'GET', path: '/b', headers: {} })
    expect(remote.requests[0]!.socket).toBe(remote.requests[1]!.socket)
  })

  it('tries another connection when the origin has closed an idle one', async () => {
    const origin = httpOrigin({ baseUrl: remote.baseUrl })
    await origin({ method: 'GET', path: '/a', headers: {} })
    remote.respond = (req, res) => {
      // Only the connection that was used before is cut.
      if (req.socket === remote.requests[0]!.socket) req.socket.resetAndDestroy()
      else res.end('second try')
    }
    expect((await origin({ method: 'GET', path: '/b', headers: {} })).body.toString()).toBe('second try')
  })

  it('does not follow redirects', async () => {
    remote.respond = (_, res) => res.writeHead(302, { Location: '/elsewhere' }).end()
    const response = await httpOrigin({ baseUrl: remote.baseUrl })({ method: 'GET', path: '/a', headers: {} })
    expect(response.status).toBe(302)
    expect(remote.requests).toHaveLength(1)
  })

  it('fails with connect, timeout or broken', async () => {
    const impatient = httpOrigin({ baseUrl: remote.baseUrl, responseTimeoutMs: 20 })
    remote.respond = () => undefined
    await expect(impatient({ method: 'GET', path: '/a', headers: {} })).rejects.toMatchObject({
      kind: 'timeout',
    })
    const origin = httpOrigin({ baseUrl: remote.baseUrl })
    remote.respond = (_, res) => {
      res.writeHead(200, { 'Content-Length': '10' })
      res.write('half')
      setImmediate(() => res.destroy())
    }
    await expect(origin({ method: 'GET', path: '/a', headers: {} })).rejects.toMatchObject({ kind: 'broken' })
    await remote.close()
    await expect(origin({ method: 'GET', path: '/a', headers: {} })).rejects.toMatchObject({
      kind: 'connect',
    })
    remote = await startOrigin(() => undefined)
  })
})

describe('s3Origin', () => {
  it('asks for the key in the bucket, with a signature that S3 can verify', async () => {
    const remote = await startOrigin((_, res) => res.end('object'))
    const origin = s3Origin({
      endpoint: remote.baseUrl,
      bucket: 'variants',
      region: 'eu-central-1',
      accessKeyId: 'id',
      secretAccessKey: 'secret',
    })
    const path = '/v/01ARZ3NDEKTSV4RRFFQ69G5FAV/_/1-w640-ar16x9-q2.webp'
    const response = await origin({
      method: 'GET',
      path,
      headers: { 'if-none-match': '"a"', via: '1.1 edge' },
    })
    expect(response.body.toString()).toBe('object')

    const received = remote.requests[0]!
    expect(received.url).toBe(`/variants${path}`)
    expect(received.headers['x-amz-content-sha256']).toBe('UNSIGNED-PAYLOAD')
    expect(received.headers['if-none-match']).toBe('"a"')
    const { authorization = '', connection: _, host, ...signed } = received.headers
    expect(host).toBe(new URL(remote.baseUrl).host)
    expect(authorization).toMatch(/^AWS4-HMAC-SHA256 Credential=id\/\d{8}\/eu-central-1\/s3\/aws4_request, /)
    const verifier = new AwsV4Signer({
      method: 'GET',
      url: `${remote.baseUrl}${received.url}`,
      headers: signed as Record<string, string>,
      datetime: String(received.headers['x-amz-date']),
      service: 's3',
      region: 'eu-central-1',
      accessKeyId: 'id',
      secretAccessKey: 'secret',
    })
    expect(authorization).toBe(await verifier.authHeader())
    await remote.close()
  })
})
