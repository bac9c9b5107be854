import { describe, expect, it } from 'vitest'
import { logHead, logLine } from './cloudfront-log.fixture.ts'
import { readDemand } from './demand.ts'

const id = '01ARZ3NDEKTSV4RRFFQ69G5FAV'
const url = `/i/${id}`
const canonical = `/v/${id}/abcdef01/1-w640-ar16x9-q3`
const none = {
  used: 0,
  'private requests': 0,
  'requests for something else or failed': 0,
  'malformed lines': 0,
}

describe('the demand in a CloudFront log', () => {
  it('goes by what the requests mean and by the type of the answers', async () => {
    const { weights, lines } = await readDemand([
      ...logHead,
      logLine(`${url}?w=320&dpr=2`, { type: 'image/avif' }),
      logLine(`${url}?w=640&utm_source=mail`, { type: 'image/avif' }),
      logLine(`${url}?w=640`, { type: 'image/webp' }),
      logLine(`${url}?w=640`, { status: 206, type: 'image/webp;%20charset=utf-8' }),
      logLine(`${url}?w=640`, { status: 304 }),
      logLine(`${url}?w=640&f=jpg`, { type: 'image/jpeg' }),
      logLine(`${url}?preset=thumb`, { type: 'image/jpeg' }),
      logLine(`${url}?r=ABCDEF01&w=640&ar=16%3A9&q=high`, { type: 'image/avif' }),
    ])
    expect(Object.fromEntries(weights)).toEqual({
      [`${url}?w=640&f=avif`]: 2,
      [`${url}?w=640&f=webp`]: 2,
      [`${url}?w=640`]: 1,
      [`${url}?w=640&f=jpeg`]: 1,
      [`${url}?preset=thumb&f=jpeg`]: 1,
      [`${url}?r=abcdef01&w=640&ar=16:9&q=high&f=avif`]: 1,
    })
    expect(lines).toEqual({ ...none, used: 8 })
  })

  it('reads paths that the edge function has rewritten', async () => {
    const { weights } = await readDemand([...logHead, logLine(`${canonical}.avif`, { type: 'image/avif' })])
    expect(Object.fromEntries(weights)).toEqual({ [`${url}?r=abcdef01&w=640&ar=16:9&q=high&f=avif`]: 1 })
  })

  it.each([
    [`/p/${id}?w=640&e=1900000000&s=a.640.awjp.x`, 200, 'private requests'],
    [canonical.replace('/abc', '/pabc') + '.webp', 200, 'private requests'],
    [`${url}?w=640`, 404, 'requests for something else or failed'],
    [`${url}?w=640`, 503, 'requests for something else or failed'],
    ['/images', 200, 'requests for something else or failed'],
    [`${canonical}.gif`, 200, 'requests for something else or failed'],
    [`${url}?w=wide`, 200, 'malformed lines'],
  ] as const)('leaves out %s with status %i, and counts it', async (left, status, as) => {
    const { weights, lines } = await readDemand([
      ...logHead,
      logLine(left, { status }),
      logLine(`${url}?w=56`),
    ])
    expect(lines).toEqual({ ...none, used: 1, [as]: 1 })
    expect([...weights.keys()]).toEqual([`${url}?w=56`])
  })

  it('without the column of the type knows the formats that URLs name', async () => {
    const { weights } = await readDemand([
      '#Fields: cs-uri-stem cs-uri-query',
      `${url}\tw=640`,
      `${url}\tw=640&f=avif`,
      'cut off',
    ])
    expect(Object.fromEntries(weights)).toEqual({ [`${url}?w=640`]: 1, [`${url}?w=640&f=avif`]: 1 })
  })
})

it('lines of URLs are demand too', async () => {
  const { weights } = await readDemand([`https://img.example.com${url}?w=640`, '', `${url}?W=600`])
  expect(Object.fromEntries(weights)).toEqual({ [`${url}?w=640`]: 2 })
})
