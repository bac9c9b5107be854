import { expect, it } from 'vitest'

import { isNotModified } from './conditional.ts'

const march = 'Sun, 01 Mar 2026 12:00:00 GMT'
const february = 'Sun, 01 Feb 2026 12:00:00 GMT'

it.each<[string, string | null, string | null, string | null, string | null, boolean]>([
  // If-None-Match, If-Modified-Since, ETag, Last-Modified
  ['no condition', null, null, '"a"', march, false],
  ['the same entity tag', '"a"', null, '"a"', null, true],
  ['another entity tag', '"b"', null, '"a"', null, false],
  ['one of a list', '"x", "a"', null, '"a"', null, true],
  ['weak comparison, viewer weak', 'W/"a"', null, '"a"', null, true],
  ['weak comparison, cache weak', '"a"', null, 'W/"a"', null, true],
  ['a comma inside the tag', '"x,y"', null, '"x,y"', null, true],
  ['a part of a tag is no match', '"ab"', null, '"a"', null, false],
  ['any', '*', null, '"a"', null, true],
  ['no entity tag in the cache', '"a"', null, null, null, false],
  ['not modified since', null, march, null, march, true],
  ['modified since', null, february, null, march, false],
  ['no Last-Modified in the cache', null, march, '"a"', null, false],
  ['a date that is none', null, 'yesterday', null, march, false],
  ['If-None-Match decides alone', '"b"', march, '"a"', march, false],
])('isNotModified: %s', (_, ifNoneMatch, ifModifiedSince, etag, lastModified, expected) => {
  expect(isNotModified({ ifNoneMatch, ifModifiedSince }, { etag, lastModified })).toBe(expected)
})
