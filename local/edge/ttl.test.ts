import { describe, expect, it } from 'vitest'

import { defaultCachePolicy, errorTtlSeconds, ttlSeconds, type CachePolicy } from './ttl.ts'

const nowMs = Date.parse('2026-03-01T12:00:00Z')
const inOneHour = 'Sun, 01 Mar 2026 13:00:00 GMT'
const anHourAgo = 'Sun, 01 Mar 2026 11:00:00 GMT'

function policy(minTtlSeconds: number, defaultTtlSeconds = 86_400, maxTtlSeconds = 31_536_000): CachePolicy {
  return { ...defaultCachePolicy, minTtlSeconds, defaultTtlSeconds, maxTtlSeconds }
}

describe('ttlSeconds', () => {
  it.each<[string, string | null, string | null, CachePolicy, number | null]>([
    ['s-maxage wins over max-age', 'max-age=10, s-maxage=300', null, policy(0), 300],
    ['max-age without s-maxage', 'public, max-age=10', null, policy(0), 10],
    ['max-age wins over Expires', 'max-age=10', inOneHour, policy(0), 10],
    ['Expires alone', null, inOneHour, policy(0), 3600],
    ['Expires in the past', null, anHourAgo, policy(0), 0],
    ['Expires that is no date', null, '0', policy(0), 0],
    ['never below the minimum', 'max-age=10', null, policy(60), 60],
    ['never above the maximum', 's-maxage=500', null, policy(0, 100, 200), 200],
    ['Expires above the maximum', null, inOneHour, policy(0, 100, 200), 200],
    ['nothing: the default', null, null, policy(0, 100), 100],
    ['nothing: the minimum, where it is greater', null, null, policy(300, 100), 300],
    ['directives that say nothing of lifetime', 'public, immutable', null, policy(0, 100), 100],
    ['max-age=0 is stored, and expired', 'max-age=0', null, policy(0), 0],
    ['no-store with minimum 0', 'no-store', null, policy(0), null],
    ['private with minimum 0', 'private, max-age=60', null, policy(0), null],
    ['no-cache with minimum 0', 'no-cache', null, policy(0), null],
    ['no-store with a minimum', 'no-store', null, policy(5), 5],
    ['private with a minimum', 'private, max-age=60', null, policy(5), 5],
    ['names in any case, spaces, quotes', 'Public ,  S-MaxAge = "300"', null, policy(0), 300],
    ['a malformed number counts as absent', 'max-age=abc', null, policy(0, 100), 100],
    ['a negative number counts as absent', 'max-age=-1', null, policy(0, 100), 100],
  ])('%s', (_, cacheControl, expires, cachePolicy, expected) => {
    expect(ttlSeconds({ cacheControl, expires }, cachePolicy, nowMs)).toBe(expected)
  })
})

describe('errorTtlSeconds', () => {
  const withMinimum = (errorMinTtlSeconds: number): CachePolicy => ({
    ...defaultCachePolicy,
    errorMinTtlSeconds,
  })

  it.each([404, 414, 500, 501, 502, 503, 504])('%i is always cached', (status) => {
    expect(errorTtlSeconds(status, { cacheControl: null, expires: null }, withMinimum(10))).toBe(10)
    expect(errorTtlSeconds(status, { cacheControl: 'max-age=60', expires: null }, withMinimum(10))).toBe(60)
    expect(errorTtlSeconds(status, { cacheControl: 'max-age=5', expires: null }, withMinimum(10))).toBe(10)
    expect(errorTtlSeconds(status, { cacheControl: 's-maxage=60', expires: null }, withMinimum(0))).toBe(60)
    expect(errorTtlSeconds(status, { cacheControl: 'no-store', expires: null }, withMinimum(10))).toBe(10)
  })

  it.each([400, 403, 405, 412, 415])('%i is cached only with max-age', (status) => {
    expect(errorTtlSeconds(status, { cacheControl: null, expires: null }, withMinimum(10))).toBeNull()
    expect(errorTtlSeconds(status, { cacheControl: 'public', expires: null }, withMinimum(10))).toBeNull()
    expect(errorTtlSeconds(status, { cacheControl: 'max-age=60', expires: null }, withMinimum(10))).toBe(60)
  })

  it.each([401, 410, 416, 429, 505])('%i is not cached', (status) => {
    expect(errorTtlSeconds(status, { cacheControl: 'max-age=60', expires: null }, withMinimum(10))).toBeNull()
  })
})
