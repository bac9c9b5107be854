import { afterAll, beforeAll, expect, it } from 'vitest'
import { largePhotograph } from '../local/large-photograph.ts'
import { type Lambda, startLambda } from '../local/lambda/start-lambda.ts'
import { buildTestBundle, type TestBundle } from './testing/test-bundle.ts'
import { createOriginWorld, type OriginWorld, rev } from './testing/test-origin.ts'

const megabyte = 1e6

let world: OriginWorld
let bundle: TestBundle
let lambda: Lambda

beforeAll(async () => {
  world = await createOriginWorld()
  bundle = await buildTestBundle(world)
  // As deployed: by default glibc gives every thread an arena of its own, and each keeps what libvips freed.
  lambda = await startLambda(bundle.file, { ...bundle.environment, MALLOC_ARENA_MAX: '2' })
})

afterAll(async () => {
  await lambda?.stop()
  await world?.stop()
  await bundle?.remove()
})

it.runIf(process.platform === 'linux')(
  'holds less than 400 MB for any variant of a photograph of 24 megapixels, master included',
  async () => {
    const size = { width: 6000, height: 4000 }
    const image = await world.newImage(size, Buffer.from(await largePhotograph(size)))
    // The first from the original, with its master after it; then from the master; then the largest.
    const variants = ['1-w640-q2.avif', '1-w1960-q2.webp', '1-w3816-q3.avif', '1-w3816-q2.png']
    for (const [at, variant] of variants.entries()) {
      const response = await fetch(`${lambda.url}/v/${image.id}/${rev}/${variant}`)
      const body = await response.arrayBuffer()
      expect([response.status, response.headers.get('content-length')]).toEqual([200, `${body.byteLength}`])
      await lambda.invoked(at + 1)
      expect([variant, (await lambda.peakMemoryBytes()) / megabyte < 400]).toEqual([variant, true])
      if (variant.endsWith('.png')) expect(body.byteLength).toBeGreaterThan(6 * megabyte)
    }
    expect(await world.variants.head(`m/${image.id}/${rev}.jpg`)).not.toBeNull()
  },
)
