import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { photographs } from '../local/photographs.ts'
import { type ImageJson, rawGet, startTestSystem, type TestSystem, tokenFor, upload } from './test-system.ts'

let system: TestSystem
let token: string
let image: ImageJson

beforeAll(async () => {
  system = await startTestSystem()
  token = await tokenFor(system.url, 'user-1')
  const response = await upload(system.url, token, new Uint8Array(readFileSync(photographs[0]!.path)))
  image = (await response.json()) as ImageJson
})

afterAll(() => system.remove())

async function call(
  method: string,
  path: string,
  json: object,
): Promise<{ status: number; body: Record<string, string> }> {
  const response = await fetch(`${system.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(json),
  })
  return { status: response.status, body: (await response.json()) as Record<string, string> }
}

function pathOf(url: string): string {
  const { pathname, search } = new URL(url)
  return pathname + search
}

it('shows a private image to signed requests alone, in every tier', async () => {
  const publicPaths = [`/i/${image.id}?w=640`, pathOf(image.imageUrl)]
  for (const path of publicPaths) expect((await rawGet(system.url, path)).status).toBe(200)

  const hidden = await call('PATCH', `/images/${image.id}`, { version: 1, visibility: 'private' })
  for (const path of publicPaths) expect((await rawGet(system.url, path)).status).toBe(404)

  const signedPaths = [
    hidden.body['imageUrl']!,
    ...hidden.body['srcset']!.split(', ').map((each) => each.split(' ')[0]!),
  ]
  for (const url of signedPaths) {
    expect(url).toContain(`/p/${image.id}?`)
    const [first, second] = [await rawGet(system.url, pathOf(url)), await rawGet(system.url, pathOf(url))]
    expect([first.status, second.status]).toEqual([200, 200])
    expect(second.headers['x-cache']).toBe('Hit from cloudfront')
  }
  // What signed requests have brought into cache and bucket stays out of reach for all others.
  for (const url of signedPaths) {
    const unsigned = pathOf(url).replace('/p/', '/i/')
    expect((await rawGet(system.url, unsigned)).status).toBe(404)
    expect((await rawGet(system.url, unsigned.replace('/i/', '/p/').replace(/&?s=[^&]*/, ''))).status).toBe(
      403,
    )
  }
})

it('issues signatures for a width and formats, good for a whole srcset', async () => {
  const { status, body } = await call('POST', `/images/${image.id}/signatures`, {
    maxWidth: 600,
    formats: ['webp'],
  })
  expect(status).toBe(201)
  expect(body).toMatchObject({ path: `/p/${image.id}`, maxWidth: 640, formats: ['webp'] })
  const get = async (parameters: string) =>
    (await rawGet(system.url, `${body['path']}?${parameters}&${body['query']}`, { accept: 'image/webp' }))
      .status
  expect(await Promise.all([get('w=320'), get('w=640'), get('w=641'), get('w=640&f=avif')])).toEqual([
    200, 200, 403, 403,
  ])
})

it('shows it to all again when it becomes public, and goes on to honour signatures', async () => {
  const { body } = await call('POST', `/images/${image.id}/signatures`, {})
  const shown = await call('PATCH', `/images/${image.id}`, { version: 2, visibility: 'public' })
  expect(shown.body['imageUrl']).toContain(`/i/${image.id}?`)
  expect((await rawGet(system.url, pathOf(shown.body['imageUrl']!))).status).toBe(200)
  expect((await rawGet(system.url, `/p/${image.id}?w=640&${body['query']}`)).status).toBe(200)
})
