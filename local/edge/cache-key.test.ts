import { expect, it } from 'vitest'

import { cacheKey } from './cache-key.ts'

it.each([
  ['the path', { method: 'GET', uri: '/v/a/_/1.webp' }, '/v/a/_/1.webp'],
  ['HEAD shares the key of GET', { method: 'HEAD', uri: '/v/a/_/1.webp' }, '/v/a/_/1.webp'],
  ['no query string', { method: 'GET', uri: '/a', querystring: { w: { value: '1' } } }, '/a'],
  ['case and encoding as they are', { method: 'GET', uri: '/A%2e' }, '/A%2e'],
])('cacheKey: %s', (_, request, expected) => {
  expect(cacheKey(request)).toBe(expected)
})
