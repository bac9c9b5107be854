import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createRemoteJWKSet, generateKeyPair, importJWK, SignJWT } from 'jose'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import {
  audience,
  createTestApi,
  createTestWorld,
  issuer,
  problemIn,
  refusal,
  type TestApi,
  type TestWorld,
  tokenFor,
} from './testing/test-api.ts'

let world: TestWorld
let app: TestApi

beforeAll(async () => {
  world = await createTestWorld()
  app = await createTestApi(world)
  return world.stop
})

const withHeader = (authorization: string) =>
  app.call('GET', '/images', { as: null, headers: { authorization } })

async function detailOf(authorization: string): Promise<string> {
  const response = await withHeader(authorization)
  expect(response.headers.get('www-authenticate')).toMatch(/^Bearer/)
  const { status, code, detail } = await problemIn(response)
  expect([status, code]).toEqual([401, 'UNAUTHENTICATED'])
  return detail
}

const base64url = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

function claims(): Record<string, unknown> {
  return { iss: issuer, aud: audience, sub: 'ann', exp: Math.floor(world.now() / 1000) + 600 }
}

/** A token that lacks one claim. */
async function tokenWithout(claim: string): Promise<string> {
  const { [claim]: _, ...rest } = claims()
  const { privateKey } = await trusted
  return new SignJWT(rest).setProtectedHeader({ alg: 'RS256' }).sign(privateKey)
}

/** Answers 500 to every request, until the test has finished. */
async function failingIssuer(): Promise<AddressInfo> {
  const server = createServer((_, response) => response.writeHead(500).end())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return server.address() as AddressInfo
}

const trusted = generateKeyPair('RS256', { extractable: true })

describe('the bearer token', () => {
  it('is asked for on every route that shows or changes images', async () => {
    const id = '01JD0R3XW6ZQJ5Y5T1V9N4K8MH'
    for (const route of [
      'GET /images',
      'POST /images',
      `GET /images/${id}`,
      `HEAD /images/${id}`,
      `PATCH /images/${id}`,
      `DELETE /images/${id}`,
      `PUT /images/${id}/original`,
      'POST /uploads',
      `POST /uploads/${id}/complete`,
    ]) {
      const [method = '', path = ''] = route.split(' ')
      const response = await app.call(method, path, { as: null })
      expect([route, response.status]).toEqual([route, 401])
      expect(response.headers.get('www-authenticate')).toBe('Bearer')
    }
  })

  it('is not asked for where there is nothing to protect', async () => {
    for (const path of ['/health', '/metrics', '/openapi.json', '/docs', '/docs/start.js']) {
      expect([path, (await app.call('GET', path, { as: null })).status]).toEqual([path, 200])
    }
  })

  it('is accepted with RS256 as well as ES256', async () => {
    const { privateKey, publicKey } = await trusted
    const both = await createTestApi(world, { tokenKeys: async () => publicKey })
    const token = await new SignJWT(claims()).setProtectedHeader({ alg: 'RS256' }).sign(privateKey)
    const headers = { authorization: `bearer ${token}` }
    expect((await both.call('GET', '/images', { as: null, headers })).status).toBe(200)
    expect((await app.call('GET', '/images')).status).toBe(200)
  })

  it.each(['', 'Basic YTpi', 'Bearer', 'Bearer '])('counts as missing in the header "%s"', async (header) => {
    expect(await detailOf(header)).toBe('The bearer token is missing.')
  })

  it('is refused when it has expired, but for the difference between two clocks', async () => {
    const expired = await tokenFor('ann', { at: world.now(), lifeSeconds: -60 })
    expect(await detailOf(`Bearer ${expired}`)).toBe('The bearer token is expired.')
    const justExpired = await tokenFor('ann', { at: world.now(), lifeSeconds: -2 })
    expect((await withHeader(`Bearer ${justExpired}`)).status).toBe(200)
  })

  it('says no more than "invalid" of all that is wrong with it', async () => {
    const { privateKey: strangersKey } = await generateKeyPair('ES256')
    const good = await tokenFor('ann', { at: world.now() })
    const [header = '', payload = '', signature = ''] = good.split('.')
    const secret = await importJWK({ kty: 'oct', k: Buffer.alloc(32, 1).toString('base64url') }, 'HS256')
    const wrong: Record<string, string> = {
      garbage: 'garbage',
      'three parts of garbage': 'a.b.c',
      'no signature': `${header}.${payload}.`,
      'alg none': `${base64url({ alg: 'none' })}.${payload}.`,
      'an algorithm with a shared secret': await new SignJWT(claims())
        .setProtectedHeader({ alg: 'HS256' })
        .sign(secret),
      "a stranger's key": await tokenFor('ann', { at: world.now(), key: strangersKey }),
      'another issuer': await tokenFor('ann', { at: world.now(), issuer: 'https://evil.test' }),
      'another audience': await tokenFor('ann', { at: world.now(), audience: 'billing' }),
      'an altered payload': `${header}.${base64url({ ...claims(), sub: 'bob' })}.${signature}`,
    }
    for (const [what, token] of Object.entries(wrong)) {
      expect([what, await detailOf(`Bearer ${token}`)]).toEqual([what, 'The bearer token is invalid.'])
    }
  })

  it('is refused with another algorithm even where there is a key for it', async () => {
    const secret = Buffer.alloc(32, 1)
    const shared = await createTestApi(world, { tokenKeys: async () => secret })
    const token = await new SignJWT(claims()).setProtectedHeader({ alg: 'HS256' }).sign(secret)
    const headers = { authorization: `Bearer ${token}` }
    expect(await refusal(await shared.call('GET', '/images', { as: null, headers }))).toBe(
      '401 UNAUTHENTICATED',
    )
  })

  it.each(['exp', 'sub', 'iss', 'aud'])('is refused without %s', async (claim) => {
    const { publicKey } = await trusted
    const rsa = await createTestApi(world, { tokenKeys: async () => publicKey })
    const headers = { authorization: `Bearer ${await tokenWithout(claim)}` }
    expect(await refusal(await rsa.call('GET', '/images', { as: null, headers }))).toBe('401 UNAUTHENTICATED')
  })

  it('is neither accepted nor refused while its keys cannot be had', async () => {
    const { port } = await failingIssuer()
    for (const url of [`http://127.0.0.1:${port}/jwks`, 'http://127.0.0.1:1/jwks']) {
      const unreachable = await createTestApi(world, { tokenKeys: createRemoteJWKSet(new URL(url)) })
      const response = await unreachable.call('GET', '/images')
      expect(response.headers.get('retry-after')).toBe('5')
      expect(await refusal(response)).toBe('503 UNAVAILABLE')
    }
  })
})
