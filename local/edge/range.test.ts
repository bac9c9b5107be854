import { expect, it } from 'vitest'

import { byteRange, type ByteRange } from './range.ts'

const full: ByteRange = { kind: 'full' }
const unsatisfiable: ByteRange = { kind: 'unsatisfiable' }
const part = (first: number, last: number): ByteRange => ({ kind: 'part', first, last })

it.each<[string | null, ByteRange]>([
  [null, full],
  ['bytes=0-9', part(0, 9)],
  ['bytes=0-0', part(0, 0)],
  ['bytes=90-', part(90, 99)],
  ['bytes=90-1000', part(90, 99)],
  ['bytes=-10', part(90, 99)],
  ['bytes=-1000', part(0, 99)],
  ['Bytes=0-9', part(0, 9)],
  ['bytes=100-', unsatisfiable],
  ['bytes=100-200', unsatisfiable],
  ['bytes=-0', unsatisfiable],
  ['bytes=0-9,20-29', full],
  ['bytes=9-0', full],
  ['bytes=-', full],
  ['bytes=a-b', full],
  ['items=0-9', full],
  ['0-9', full],
  ['', full],
])('byteRange of 100 bytes: %s', (header, expected) => {
  expect(byteRange(header, 100)).toEqual(expected)
})

it.each<[string, string, ByteRange]>([
  ['the same entity tag', '"a"', part(0, 9)],
  ['another entity tag', '"b"', full],
  ['a weak entity tag', 'W/"a"', full],
  ['the same date', 'Sun, 01 Mar 2026 12:00:00 GMT', part(0, 9)],
  ['another date', 'Sun, 01 Feb 2026 12:00:00 GMT', full],
])('byteRange with If-Range: %s', (_, ifRange, expected) => {
  const validators = { etag: '"a"', lastModified: 'Sun, 01 Mar 2026 12:00:00 GMT' }
  expect(byteRange('bytes=0-9', 100, ifRange, validators)).toEqual(expected)
})
