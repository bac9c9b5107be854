import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { photographs } from '../local/photographs.ts'
import { type ImageJson, rawGet, startTestSystem, type TestSystem, tokenFor, upload } from './test-system.ts'

let system: TestSystem

beforeAll(async () => {
  system = await startTestSystem({ DYNAMODB_ENGINE: 'dynalite' })
})

afterAll(() => system.remove())

it('does the main job on dynalite, says what is missing, and keeps its data over a restart', async () => {
  expect(system.missing).toContain('streams')
  const token = await tokenFor(system.url, 'user-1')
  const headers = { authorization: `Bearer ${token}` }
  const ids: string[] = []
  for (const { path } of photographs.slice(0, 3)) {
    const response = await upload(system.url, token, new Uint8Array(readFileSync(path)))
    expect(response.status).toBe(201)
    ids.push(((await response.json()) as ImageJson).id)
  }
  const [first, second] = ids as [string, string]
  for (const cache of ['Miss', 'Hit']) {
    const response = await rawGet(system.url, `/i/${first}?w=640`, { accept: 'image/webp' })
    expect(response.status).toBe(200)
    expect(response.headers['x-cache']).toBe(`${cache} from cloudfront`)
  }

  const patch = (version: number) =>
    fetch(`${system.url}/images/${second}`, {
      method: 'PATCH',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify({ version, title: 'changed', albumId: 'album-1' }),
    })
  expect((await patch(1)).status).toBe(200)
  const stale = await patch(1)
  expect(stale.status).toBe(409)
  expect(await stale.json()).toMatchObject({ currentVersion: 2 })

  expect((await fetch(`${system.url}/images/${first}`, { method: 'DELETE', headers })).status).toBe(204)
  expect((await rawGet(system.url, `/i/${first}?w=640`)).status).toBe(404)

  await system.restart()
  const list = async (query: string): Promise<string[]> => {
    const response = await fetch(`${system.url}/images${query}`, { headers })
    return ((await response.json()) as { images: ImageJson[] }).images.map(({ id }) => id)
  }
  expect(await list('')).toEqual(ids.slice(1).toReversed())
  expect(await list('?albumId=album-1')).toEqual([second])
})
