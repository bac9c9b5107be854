import { expect, it } from 'vitest'
import { retryAfterMilliseconds } from './retry-after.ts'

const now = Date.parse('Sun, 06 Nov 1994 08:49:37 GMT')

it.each([
  ['0', 0],
  ['10', 10_000],
  ['Sun, 06 Nov 1994 08:49:40 GMT', 3000],
  ['Sunday, 06-Nov-94 08:49:39 GMT', 2000],
  ['Sun, 06 Nov 1994 08:00:00 GMT', 0],
  [null, null],
  ['', null],
  ['-1', null],
  ['1.5', null],
  ['soon', null],
  ['Tomorrow', null],
  ['Sun Nov  6 08:49:38 1994', null],
])('Retry-After: %s is %s ms', (header, expected) => {
  expect(retryAfterMilliseconds(header, now)).toBe(expected)
})
