import {
  CloudFrontClient,
  CreateInvalidationCommand,
  GetInvalidationCommand,
  ListInvalidationsCommand,
} from '@aws-sdk/client-cloudfront'
import { createRequestListener } from '@remix-run/node-fetch-server'
import type { Server } from 'node:http'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { listen, stop } from './edge-server.fixture.ts'
import { createInvalidationApi } from './invalidation-api.ts'
import { matchesInvalidation } from './invalidation.ts'

const distributionId = 'E1'
const progressMs = 60_000
const noon = Date.parse('2026-03-01T12:00:00Z')

let nowMs: number
let invalidated: string[]
let server: Server
let endpoint: string
let client: CloudFrontClient

beforeEach(async () => {
  nowMs = noon
  invalidated = []
  const api = createInvalidationApi({
    distributionId,
    invalidate(paths) {
      matchesInvalidation(paths)
      invalidated.push(...paths)
    },
    now: () => nowMs,
    progressMs,
  })
  const listening = await listen(createRequestListener(api))
  server = listening.server
  endpoint = listening.baseUrl
  client = new CloudFrontClient({
    endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
  })
})
afterEach(async () => {
  client.destroy()
  await stop(server)
})

let serial = 0
function create(paths: string[], reference = `reference ${serial++}`, distribution = distributionId) {
  return client.send(
    new CreateInvalidationCommand({
      DistributionId: distribution,
      InvalidationBatch: { CallerReference: reference, Paths: { Quantity: paths.length, Items: paths } },
    }),
  )
}

async function statusOf(id: string | undefined): Promise<string | undefined> {
  const { Invalidation } = await client.send(
    new GetInvalidationCommand({ DistributionId: distributionId, Id: id }),
  )
  return Invalidation?.Status
}

const numbered = (count: number, path: (index: number) => string): string[] =>
  Array.from({ length: count }, (_, index) => path(index))

function post(body: string): Promise<Response> {
  return fetch(`${endpoint}/2020-05-31/distribution/${distributionId}/invalidation`, { method: 'POST', body })
}

describe('CreateInvalidation', () => {
  it('invalidates, and tells what it has made', async () => {
    const made = await create(['/v/a/*', '/i/<&>'], 'one')
    expect(invalidated).toEqual(['/v/a/*', '/i/<&>'])
    expect(made.$metadata.httpStatusCode).toBe(201)
    expect(made.Location).toContain(`/distribution/${distributionId}/invalidation/${made.Invalidation?.Id}`)
    expect(made.Invalidation).toMatchObject({
      Status: 'InProgress',
      CreateTime: new Date(noon),
      InvalidationBatch: {
        CallerReference: 'one',
        Paths: { Quantity: 2, Items: ['/v/a/*', '/i/<&>'] },
      },
    })
  })

  it('makes one of a request that is repeated, and refuses its reference for another', async () => {
    const first = await create(['/a'], 'same')
    const second = await create(['/a'], 'same')
    expect(second.Invalidation?.Id).toBe(first.Invalidation?.Id)
    expect(invalidated).toEqual(['/a'])
    await expect(create(['/b'], 'same')).rejects.toMatchObject({ name: 'InvalidationBatchAlreadyExists' })
  })

  it('has room for 15 paths with a wildcard until they are complete', async () => {
    await create(numbered(14, (index) => `/v/${index}/*`))
    const tooMany = { name: 'TooManyInvalidationsInProgress', $metadata: { httpStatusCode: 400 } }
    await expect(create(['/v/14/*', '/v/15/*'])).rejects.toMatchObject(tooMany)
    await create(['/v/14/*'])
    await expect(create(['/v/15/*'])).rejects.toMatchObject(tooMany)
    expect(invalidated).toHaveLength(15)

    nowMs += progressMs
    await create(['/v/15/*'])
    expect(invalidated).toHaveLength(16)
  })

  it('has room for 3,000 files beside them', async () => {
    await create(numbered(15, (index) => `/v/${index}/*`))
    await create(numbered(3000, (index) => `/i/${index}`))
    await expect(create(['/i/3000'])).rejects.toMatchObject({ name: 'TooManyInvalidationsInProgress' })
  })

  it.each([
    ['a path without a slash', ['v/a'], 'InvalidArgument'],
    ['a wildcard within a path', ['/v/*/a'], 'InvalidArgument'],
    ['no path', [], 'InvalidArgument'],
    ['more than 3,000 files', numbered(3001, (index) => `/i/${index}`), 'BatchTooLarge'],
  ])('refuses %s', async (_, paths, name) => {
    await expect(create(paths)).rejects.toMatchObject({ name })
    expect(invalidated).toEqual([])
  })

  it.each([
    ['', 'MissingBody'],
    ['<InvalidationBatch>', 'MalformedXML'],
    [
      '<InvalidationBatch><CallerReference>r</CallerReference><Paths><Quantity>2</Quantity><Items><Path>/a</Path></Items></Paths></InvalidationBatch>',
      'InconsistentQuantities',
    ],
    [
      '<InvalidationBatch><Paths><Quantity>1</Quantity><Items><Path>/a</Path></Items></Paths></InvalidationBatch>',
      'InvalidArgument',
    ],
  ])('refuses the body %j: %s', async (body, code) => {
    const response = await post(body)
    expect(response.status).toBe(400)
    expect(await response.text()).toContain(`<Error><Type>Sender</Type><Code>${code}</Code>`)
  })

  it('knows no other distribution', async () => {
    await expect(create(['/a'], 'r', 'E2')).rejects.toMatchObject({ name: 'NoSuchDistribution' })
  })
})

describe('GetInvalidation', () => {
  it('tells when it is complete', async () => {
    const { Invalidation: made } = await create(['/a'])
    nowMs += progressMs - 1
    expect(await statusOf(made?.Id)).toBe('InProgress')
    nowMs += 1
    expect(await statusOf(made?.Id)).toBe('Completed')
    await expect(statusOf('I0')).rejects.toMatchObject({ name: 'NoSuchInvalidation' })
  })
})

describe('ListInvalidations', () => {
  it('gives the newest first, in pages', async () => {
    expect((await list()).InvalidationList).toMatchObject({ Quantity: 0, IsTruncated: false })
    const ids: (string | undefined)[] = []
    for (const path of ['/a', '/b', '/c']) ids.unshift((await create([path])).Invalidation?.Id)

    const first = (await list({ MaxItems: 2 })).InvalidationList
    expect(first?.Items?.map(({ Id }) => Id)).toEqual(ids.slice(0, 2))
    expect(first).toMatchObject({ IsTruncated: true, NextMarker: ids[1], MaxItems: 2 })
    const second = (await list({ MaxItems: 2, Marker: first?.NextMarker })).InvalidationList
    expect(second?.Items?.map(({ Id }) => Id)).toEqual(ids.slice(2))
    expect(second?.IsTruncated).toBe(false)
  })

  function list(page: { MaxItems?: number; Marker?: string | undefined } = {}) {
    return client.send(new ListInvalidationsCommand({ DistributionId: distributionId, ...page }))
  }
})
