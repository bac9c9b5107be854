import { beforeAll, describe, expect, it } from 'vitest'
import { signPermit } from '../api/sign.ts'
import { type KeyName, type Permit, signatureQuery, storedKeyName } from '../core/signature.ts'
import { loadViewerRequest, type RunViewerRequest } from '../local/edge/sandbox.ts'
import { buildEdgeFunction } from './build.ts'
import type { EdgeFields, EdgeRequest, EdgeResponse } from './event.ts'
import { keyValueStore } from './testing/cloudfront.ts'
import { handler } from './viewer-request.ts'

const id = '01JD0R3XW6ZQJ5Y5T1V9N4K8MH'
const secrets: Record<KeyName, string> = { a: 'the old key', b: 'the new key' }
let run: RunViewerRequest

const inAnHour = (): number => Math.floor(Date.now() / 1000) + 3600

function permit(changes: Partial<Permit> = {}): Permit {
  return { id, expiresAt: inAnHour(), widthMax: 800, formats: 'awj', ...changes }
}

function query(changes: Partial<Permit> = {}, name: KeyName = 'a', secret = secrets[name]): string {
  return signatureQuery(signPermit(permit(changes), { name, secret }))
}

async function send(url: string): Promise<EdgeRequest | EdgeResponse> {
  const [uri, search = ''] = url.split('?') as [string, string?]
  const querystring: EdgeFields = {}
  for (const pair of search.split('&')) {
    const [name = '', value = ''] = pair.split('=')
    const known = querystring[name]
    if (known === undefined) querystring[name] = { value }
    else known.multiValue = [...(known.multiValue ?? [{ value: known.value }]), { value }]
  }
  const headers = { accept: { value: 'image/avif' } }
  return run({
    version: '1.0',
    context: { requestId: 'test' },
    viewer: { ip: '127.0.0.1' },
    request: { method: 'GET', uri, querystring, headers, cookies: {} },
  })
}

async function refusal(url: string): Promise<string> {
  const result = await send(url)
  if (!('statusCode' in result)) return `passed to ${result.uri}`
  const { code } = JSON.parse(result.body!.data) as { code: string }
  return `${result.statusCode} ${code}`
}

async function loadArtefact(): Promise<RunViewerRequest> {
  const { code } = await buildEdgeFunction()
  return loadViewerRequest({ code, kvs: keyValueStore })
}

describe.each<[string, () => Promise<RunViewerRequest>]>([
  ['built', loadArtefact],
  ['source', async () => handler],
])('signed URLs at the edge, %s', (_build, load) => {
  beforeAll(async () => {
    run = await load()
    for (const name of ['a', 'b'] as const) keyValueStore.set(storedKeyName(name), secrets[name])
  })

  it('lets one signature through for every rung up to its width, and for either key', async () => {
    for (const name of ['a', 'b'] as const) {
      const signature = query({}, name)
      for (const width of [56, 640, 800]) {
        const result = await send(`/p/${id}?w=${width}&${signature}`)
        expect(result).toMatchObject({ uri: `/v/${id}/p_/1-w${width}-q2.avif`, querystring: {} })
      }
    }
  })

  it('gives signed requests keys of their own, whatever the signature', async () => {
    const paths = [query(), query({ widthMax: 3816 }, 'b'), query({ formats: 'a' })].map(
      async (signature) => {
        const result = await send(`/p/${id}?r=0a1b2c3d&w=640&${signature}`)
        return 'uri' in result ? result.uri : result
      },
    )
    expect(new Set(await Promise.all(paths))).toEqual(new Set([`/v/${id}/p0a1b2c3d/1-w640-q2.avif`]))
    expect(await send(`/i/${id}?r=0a1b2c3d&w=640&${query()}`)).toMatchObject({
      uri: `/v/${id}/0a1b2c3d/1-w640-q2.avif`,
    })
  })

  it.each<[string, () => string, string]>([
    ['no signature', () => 'w=640', '403 SIGNATURE_MISSING'],
    ['no expiry', () => `w=640&${query().replace(/^e=\d+&/, '')}`, '403 SIGNATURE_MISSING'],
    ['a signature twice', () => `w=640&${query()}&s=x`, '403 SIGNATURE_MISSING'],
    ['nonsense', () => 'w=640&e=1&s=nonsense', '403 SIGNATURE_INVALID'],
    [
      'a tampered MAC',
      () => `w=640&${query().replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'))}`,
      '403 SIGNATURE_INVALID',
    ],
    [
      'a longer expiry',
      () => `w=640&${query().replace(/e=\d+/, `e=${inAnHour() + 9999}`)}`,
      '403 SIGNATURE_INVALID',
    ],
    ['a wider width', () => `w=640&${query().replace('.800.', '.3816.')}`, '403 SIGNATURE_INVALID'],
    [
      'more formats',
      () => `w=640&${query({ formats: 'w' }).replace('.w.', '.aw.')}`,
      '403 SIGNATURE_INVALID',
    ],
    ['another image', () => `w=640&${query({ id: '01JD0R3XW6ZQJ5Y5T1V9N4K8MJ' })}`, '403 SIGNATURE_INVALID'],
    ['the wrong key', () => `w=640&${query({}, 'a', secrets.b)}`, '403 SIGNATURE_INVALID'],
    ['an expired one', () => `w=640&${query({ expiresAt: inAnHour() - 7200 })}`, '403 SIGNATURE_EXPIRED'],
    ['a rung above its width', () => `w=801&${query()}`, '403 SIGNATURE_TOO_NARROW'],
    ['a preset above its width', () => `preset=full&${query()}`, '403 SIGNATURE_TOO_NARROW'],
    ['a format it does not cover', () => `w=640&f=png&${query()}`, '403 SIGNATURE_TOO_NARROW'],
    ['a malformed size', () => `w=abc&${query()}`, '400 INVALID_WIDTH'],
  ])('refuses %s', async (_, parameters, expected) => {
    expect(await refusal(`/p/${id}?${parameters()}`)).toBe(expected)
  })

  it('takes nothing for signed when the store has no key', async () => {
    keyValueStore.delete(storedKeyName('a'))
    expect(await refusal(`/p/${id}?w=640&${query({}, 'a', '')}`)).toBe('403 SIGNATURE_INVALID')
    expect(await refusal(`/p/${id}?w=640&${query({}, 'b')}`)).toContain('passed')
    keyValueStore.set(storedKeyName('a'), secrets.a)
  })
})
