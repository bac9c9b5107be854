import { expect, it } from 'vitest'

import { matchesInvalidation } from './invalidation.ts'

it.each<[string[], string, boolean]>([
  [['/v/a/1.webp'], '/v/a/1.webp', true],
  [['/v/a/1.webp'], '/v/a/1.webp2', false],
  [['/v/a/1.webp'], '/v/A/1.webp', false],
  [['/v/a/*'], '/v/a/1.webp', true],
  [['/v/a/*'], '/v/a/', true],
  [['/v/a/*'], '/v/a', false],
  [['/v/a/*'], '/v/ab/1.webp', false],
  [['/v/a*'], '/v/ab/1.webp', true],
  [['/*'], '/anything', true],
  [['/x', '/v/a/*'], '/v/a/1.webp', true],
  [[], '/v/a/1.webp', false],
])('matchesInvalidation(%j) of %s: %s', (patterns, key, expected) => {
  expect(matchesInvalidation(patterns)(key)).toBe(expected)
})

it.each([
  ['', /begin with a slash/],
  ['v/a', /begin with a slash/],
  ['*', /begin with a slash/],
  ['/v/*/1.webp', /at the end only/],
  ['/v/**', /at the end only/],
  ['/v/a b', /percent-encoded/],
  ['/v/é', /percent-encoded/],
  [`/${'a'.repeat(4000)}`, /longer than 4000/],
])('matchesInvalidation refuses %j', (pattern, fault) => {
  expect(() => matchesInvalidation(['/v/fine', pattern])).toThrow(fault)
})
