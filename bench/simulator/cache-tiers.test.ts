import { describe, expect, it } from 'vitest'
import { type CacheAnswer, type CacheRequest, createCacheTiers } from './cache-tiers.ts'

const sizes = { pops: 4, regions: 2, popBytes: 1000, regionalBytes: 1000, shieldBytes: 1000 }
const request: CacheRequest = {
  pop: 0,
  key: 1,
  bytes: 100,
  lifetime: { freshSeconds: 100, staleSeconds: 50 },
  second: 0,
}

/** What becomes of requests one after the other, as `from`, with `!` where the origin is asked. */
function answers(requests: readonly Partial<CacheRequest>[], changed: Partial<typeof sizes> = {}): string[] {
  const ask = createCacheTiers({ ...sizes, ...changed })
  const told = ({ from, asksOrigin }: CacheAnswer): string => from + (asksOrigin ? '!' : '')
  return requests.map((each) => told(ask({ ...request, ...each })))
}

describe('createCacheTiers', () => {
  it('answers from the nearest tier that has it, and fills the nearer ones on the way', () => {
    // PoPs 0 and 2 share a region, 1 and 3 the other.
    expect(answers([{}, {}, { pop: 2 }, { pop: 2 }, { pop: 1 }, { pop: 3 }, { pop: 3 }, { key: 2 }])).toEqual(
      ['origin!', 'pop', 'regional', 'pop', 'shield', 'regional', 'pop', 'origin!'],
    )
  })

  it('answers stale while the origin is asked, then fresh in all tiers', () => {
    expect(
      answers([
        {},
        { second: 99 },
        { second: 100 },
        { second: 101 },
        { second: 149, pop: 1 },
        { second: 199 },
      ]),
    ).toEqual(['origin!', 'pop', 'pop!', 'pop', 'shield', 'pop'])
  })

  it('asks the origin anew once an answer is too old to be given stale', () => {
    expect(answers([{}, { second: 150 }, { second: 249 }])).toEqual(['origin!', 'origin!', 'pop'])
  })

  it('counts age from the origin’s answer, also where a tier got it later', () => {
    expect(answers([{}, { pop: 2, second: 90 }, { pop: 2, second: 110 }])).toEqual([
      'origin!',
      'regional',
      'pop!',
    ])
  })

  it('forgets what was used least recently where a cache is full', () => {
    // Room for two in the PoP: key 3 pushes out key 2, since key 1 was used after it.
    const full = answers([{}, { key: 2 }, {}, { key: 3 }, {}, { key: 2 }], { popBytes: 250 })
    expect(full).toEqual(['origin!', 'origin!', 'pop', 'origin!', 'pop', 'regional'])
  })

  it('has a cache for each PoP and each region', () => {
    const small = { popBytes: 100, regionalBytes: 100 }
    expect(answers([{}, { pop: 1, key: 2 }, {}, { pop: 1, key: 2 }], small)).toEqual([
      'origin!',
      'origin!',
      'pop',
      'pop',
    ])
  })
})
