import { describe, expect, it } from 'vitest'

import { ageSeconds, freshness, servesInsteadOfError, staleWindows, type Lifetime } from './freshness.ts'

const base: Lifetime = {
  storedAtMs: 1_000_000,
  ttlSeconds: 60,
  staleWhileRevalidateSeconds: 0,
  staleIfErrorSeconds: null,
  retryAtMs: 0,
}
const after = (seconds: number): number => base.storedAtMs + seconds * 1000

describe('freshness', () => {
  it.each<[string, Partial<Lifetime>, number, string]>([
    ['just stored', {}, after(0), 'fresh'],
    ['until the last millisecond', {}, after(60) - 1, 'fresh'],
    ['expired at its TTL', {}, after(60), 'expired'],
    ['stale while revalidate', { staleWhileRevalidateSeconds: 30 }, after(60), 'stale-while-revalidate'],
    ['the end of that window', { staleWhileRevalidateSeconds: 30 }, after(90) - 1, 'stale-while-revalidate'],
    ['after that window', { staleWhileRevalidateSeconds: 30 }, after(90), 'expired'],
    ['a TTL of 0', { ttlSeconds: 0 }, after(0), 'expired'],
    ['not to be stored', { ttlSeconds: null }, after(0), 'expired'],
    ['while the origin is left alone', { retryAtMs: after(110) }, after(100), 'fresh'],
    ['when the origin is tried again', { retryAtMs: after(110) }, after(110), 'expired'],
  ])('%s', (_, lifetime, nowMs, expected) => {
    expect(freshness({ ...base, ...lifetime }, nowMs)).toBe(expected)
  })
})

describe('servesInsteadOfError', () => {
  it.each<[string, Partial<Lifetime>, number, boolean]>([
    ['without stale-if-error, always', {}, after(1_000_000), true],
    ['within stale-if-error', { staleIfErrorSeconds: 30 }, after(89), true],
    ['after stale-if-error', { staleIfErrorSeconds: 30 }, after(90), false],
    ['stale-if-error=0', { staleIfErrorSeconds: 0 }, after(60), false],
    ['what is not to be stored, never', { ttlSeconds: null }, after(0), false],
  ])('%s', (_, lifetime, nowMs, expected) => {
    expect(servesInsteadOfError({ ...base, ...lifetime }, nowMs)).toBe(expected)
  })
})

describe('ageSeconds', () => {
  it.each([
    [0, 0],
    [999, 0],
    [1000, 1],
    [61_500, 61],
    [-5000, 0],
  ])('%i ms after the origin answered: %i', (elapsedMs, expected) => {
    expect(ageSeconds(base, base.storedAtMs + elapsedMs)).toBe(expected)
  })
})

describe('staleWindows', () => {
  it.each([
    [null, 0, null],
    ['max-age=60', 0, null],
    ['max-age=60, stale-while-revalidate=30', 30, null],
    ['max-age=60, stale-if-error=40', 0, 40],
    ['stale-while-revalidate=500, stale-if-error=600', 100, 100],
    ['stale-if-error=0', 0, 0],
  ])('%s', (cacheControl, staleWhileRevalidateSeconds, staleIfErrorSeconds) => {
    expect(staleWindows(cacheControl, 100)).toEqual({ staleWhileRevalidateSeconds, staleIfErrorSeconds })
  })
})
