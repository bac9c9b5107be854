import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { CloudFrontClient, CreateInvalidationCommand } from '@aws-sdk/client-cloudfront'
import { createRequestListener } from '@remix-run/node-fetch-server'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { photograph } from '../api/testing/pictures.ts'
import { createTestApi, createTestWorld, type TestWorld } from '../api/testing/test-api.ts'
import { createInvalidationApi } from '../local/edge/invalidation-api.ts'
import {
  type CloudFrontPurge,
  type CloudFrontPurgeOptions,
  createCloudFrontPurge,
} from './cloudfront-purge.ts'

const distributionId = 'E1'
const impatient = { gatherMs: 1, patienceMs: 200, firstPauseMs: 1, longestPauseMs: 5 }
const patient = { ...impatient, patienceMs: 60_000 }

/** The paths of each invalidation that CloudFront has made. */
let made: (readonly string[])[]
let nowMs: number
let server: Server
let client: CloudFrontClient
/** What stands between the client and CloudFront; the way it is unless a test replaces it. */
let between: (handle: RequestListener) => RequestListener

beforeEach(async () => {
  made = []
  nowMs = 0
  between = (handle) => handle
  const handle = createRequestListener(
    createInvalidationApi({
      distributionId,
      invalidate: (paths) => void made.push(paths),
      now: () => nowMs,
      progressMs: 1000,
    }),
  )
  server = createServer((request, response) => between(handle)(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  client = new CloudFrontClient({
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    region: 'us-east-1',
    credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
  })
})
afterEach(async () => {
  client.destroy()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

function start(options: Partial<CloudFrontPurgeOptions> = patient): CloudFrontPurge {
  return createCloudFrontPurge({ client, distributionId, ...options })
}

const ids = (count: number): string[] => Array.from({ length: count }, (_, index) => `image-${index}`)

/** The images that were purged, one entry for each time. */
function purged(): string[] {
  return made.flat().flatMap((path) => /^\/v\/(.+)\/\*$/.exec(path)?.[1] ?? [])
}

/** Lets time pass for CloudFront whenever it has refused: then what was in progress is complete. */
function completeOnRefusal(): void {
  between = (handle) => (request, response) => {
    response.once('finish', () => {
      if (response.statusCode === 400) nowMs += 1000
    })
    handle(request, response)
  }
}

/** What somebody else has in progress, for ever. */
async function occupy(wildcards: number): Promise<void> {
  const paths = Array.from({ length: wildcards }, (_, index) => `/other/${index}/*`)
  await client.send(
    new CreateInvalidationCommand({
      DistributionId: distributionId,
      InvalidationBatch: { CallerReference: 'other', Paths: { Quantity: wildcards, Items: paths } },
    }),
  )
  made = []
}

describe('one image', () => {
  it('is purged by its canonical prefix and by what viewers ask for', async () => {
    await start().purge(['01HZ'])
    expect(made).toEqual([['/v/01HZ/*', '/i/01HZ', '/p/01HZ']])
  })

  it('asked for by several at once is purged once', async () => {
    const { purge } = start()
    await Promise.all([purge(['a']), purge(['a', 'b']), purge(['b', 'b'])])
    expect(purged()).toEqual(['a', 'b'])
  })

  it('asked for while its purge is under way is purged again', async () => {
    const { purge } = start()
    let again: Promise<void> | undefined
    between = (handle) => (request, response) => {
      again ??= purge(['a'])
      handle(request, response)
    }
    await purge(['a'])
    await again
    expect(purged()).toEqual(['a', 'a'])
  })
})

describe('many images', () => {
  it('go into few requests, each with what may be in progress at a time', async () => {
    completeOnRefusal()
    const { purge } = start()
    await Promise.all(ids(100).map((id) => purge([id])))
    expect(purged().toSorted()).toEqual(ids(100).toSorted())
    expect(Math.max(...made.map((paths) => paths.filter((path) => path.endsWith('*')).length))).toBe(15)
    expect(made.length).toBeLessThan(40)
  })

  it('take what room others leave', async () => {
    await occupy(13)
    const { purge } = start({ ...impatient, patienceMs: 1500 })
    const outcomes = await Promise.allSettled(ids(15).map((id) => purge([id])))
    const accepted = ids(15).filter((_, index) => outcomes[index]!.status === 'fulfilled')
    expect(accepted).toHaveLength(2)
    expect(purged()).toEqual(accepted)
  })
})

describe('a purge that CloudFront does not accept', () => {
  it('fails for those who wait for it, when it had too much in progress for too long', async () => {
    await occupy(15)
    const { purge } = start(impatient)
    const outcomes = await Promise.allSettled([purge(ids(20)), purge(['one']), purge(['other'])])
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({
        status: 'rejected',
        reason: { code: 'PURGE_FAILED', cause: { name: 'TooManyInvalidationsInProgress' } },
      })
    }
    expect(made).toEqual([])

    nowMs += 1000
    await purge(ids(3))
    expect(purged()).toEqual(ids(3))
  })

  it('fails at once for any other reason', async () => {
    const { purge } = start({ ...patient, distributionId: 'E2' })
    await expect(purge(['a'])).rejects.toMatchObject({
      code: 'PURGE_FAILED',
      cause: { name: 'NoSuchDistribution' },
    })
  })

  it('does not spoil those that follow', async () => {
    const { purge } = start()
    let requests = 0
    between = (handle) => (request, response) => {
      if (requests++ > 0) return handle(request, response)
      response.writeHead(403, { 'content-type': 'text/xml' })
      response.end(
        '<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code></Error></ErrorResponse>',
      )
    }
    await expect(purge(['a'])).rejects.toMatchObject({ cause: { name: 'AccessDenied' } })
    await purge(['a'])
    expect(purged()).toEqual(['a'])
  })
})

describe('a deletion whose purge CloudFront does not accept', () => {
  let world: TestWorld | undefined

  afterAll(() => world?.stop())

  it('stands, and the sweep purges as soon as it is accepted', async () => {
    world = await createTestWorld()
    const api = await createTestApi(world, { purge: start(impatient).purge })
    const { id } = await api.upload(photograph(0))
    await occupy(15)
    expect((await api.call('DELETE', `/images/${id}`)).status).toBe(204)
    expect(purged()).toEqual([])

    world.advance(16 * 60)
    expect(await api.tidy.sweepIntents()).toMatchObject({ tidied: 0, failed: 1 })
    expect(purged()).toEqual([])
    nowMs += 1000
    expect(await api.tidy.sweepIntents()).toMatchObject({ tidied: 1, failed: 0 })
    expect(purged()).toEqual([id])
  })
})

describe('a request that is repeated', () => {
  it('because its answer got lost is not made twice', async () => {
    let requests = 0
    between = (handle) => (request, response) => {
      if (requests++ > 0) return handle(request, response)
      // CloudFront does what it is asked for, and the connection breaks before its answer.
      response.end = (() => {
        response.destroy()
        return response
      }) as typeof response.end
      response.write = () => true
      handle(request, response)
    }
    await start().purge(['a'])
    expect(requests).toBe(2)
    expect(purged()).toEqual(['a'])
  })

  it('after an error of the server is the same request', async () => {
    const bodies: string[] = []
    between = (handle) => (request, response) => {
      if (bodies.length === 2) return handle(request, response)
      let body = ''
      request.on('data', (chunk: Buffer) => (body += chunk.toString()))
      request.on('end', () => {
        bodies.push(body)
        response.writeHead(503).end()
      })
    }
    await start().purge(['a'])
    expect(bodies).toHaveLength(2)
    expect(bodies[1]).toBe(bodies[0])
    expect(bodies[0]).toMatch(/<CallerReference>[^<]+<\/CallerReference>/)
    expect(purged()).toEqual(['a'])
  })

  it('has another reference than the next purge of the same image', async () => {
    const { purge } = start()
    await purge(['a'])
    await purge(['a'])
    expect(purged()).toEqual(['a', 'a'])
  })
})

describe('drain', () => {
  it('waits for all that was asked for, also meanwhile', async () => {
    completeOnRefusal()
    const { purge, drain } = start()
    const purges = [purge(ids(40)), purge(['one'])]
    const drained = drain()
    purges.push(purge(['other']))
    await drained
    expect(purged()).toHaveLength(42)
    await Promise.all(purges)
  })

  it('does not wait where nothing is under way', async () => {
    const { purge, drain } = start()
    await drain()
    await purge(['a'])
    await drain()
    expect(purged()).toEqual(['a'])
  })
})
