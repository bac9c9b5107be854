import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  aliasRev,
  canonicalPath,
  formatImageUrl,
  type ImageRequest,
  isFault,
  parseCanonicalPath,
  parseImageUrl,
  type QueryParameter,
  type Variant,
} from './image-url.ts'
import { aspectRatios, type Band, formats, presets, rungs } from './ladder.ts'

const id = '01JD0R3XW6ZQJ5Y5T1V9N4K8MH'
const uuid = '6f1f7c3e-5a4e-4b1e-9d5f-3f1c2b7a9e01'

function parse(url: string): ImageRequest | { code: string } {
  const [path, query = ''] = url.split('?', 2) as [string, string?]
  return parseImageUrl(path, parametersIn(query))
}

function parametersIn(query: string): QueryParameter[] {
  if (query === '') return []
  return query.split('&').map((pair) => {
    const [name = '', value = ''] = pair.split('=', 2)
    return { name, value }
  })
}

/** The canonical path that a public URL leads to, its format negotiated to WebP; or the code of the refusal. */
function canonical(url: string): string {
  const request = parse(url)
  if (isFault(request)) return request.code
  const asked = request as ImageRequest
  return canonicalPath({ ...asked, format: asked.format === '' ? 'webp' : asked.format })
}

describe('public URL to canonical path', () => {
  it.each([
    [`/i/${id}?w=640`, `/v/${id}/_/1-w640-q2.webp`],
    [`/i/${id}`, `/v/${id}/_/1-w1960-q2.webp`],
    [`/i/${id}?r=0a1b2c3d&w=640`, `/v/${id}/0a1b2c3d/1-w640-q2.webp`],
    [`/i/${id}?r=0A1B2C3D&w=640`, `/v/${id}/0a1b2c3d/1-w640-q2.webp`],
    [`/i/${id}?w=1`, `/v/${id}/_/1-w56-q2.webp`],
    [`/i/${id}?w=8192`, `/v/${id}/_/1-w3816-q2.webp`],
    [`/i/${id}?w=8192&dpr=4`, `/v/${id}/_/1-w3816-q2.webp`],
    [`/i/${id}?w=640&dpr=1.25`, `/v/${id}/_/1-w800-q2.webp`],
    [`/i/${id}?w=800&dpr=1.1`, `/v/${id}/_/1-w1000-q2.webp`],
    [`/i/${id}?w=640&q=low`, `/v/${id}/_/1-w640-q1.webp`],
    [`/i/${id}?w=640&q=HIGH`, `/v/${id}/_/1-w640-q3.webp`],
    [`/i/${id}?w=640&q=62`, `/v/${id}/_/1-w640-q1.webp`],
    [`/i/${id}?w=640&q=63`, `/v/${id}/_/1-w640-q2.webp`],
    [`/i/${id}?w=640&q=82`, `/v/${id}/_/1-w640-q2.webp`],
    [`/i/${id}?w=640&q=100`, `/v/${id}/_/1-w640-q3.webp`],
    [`/i/${id}?w=640&f=avif`, `/v/${id}/_/1-w640-q2.avif`],
    [`/i/${id}?w=640&f=JPG`, `/v/${id}/_/1-w640-q2.jpeg`],
    [`/i/${id}?w=640&ar=16:9`, `/v/${id}/_/1-w640-ar16x9-q2.webp`],
    [`/i/${id}?w=640&ar=16%3A9`, `/v/${id}/_/1-w640-ar16x9-q2.webp`],
    [`/i/${id}?w=640&ar=1600:901`, `/v/${id}/_/1-w640-ar16x9-q2.webp`],
    [`/i/${id}?w=640&h=360`, `/v/${id}/_/1-w640-ar16x9-q2.webp`],
    [`/i/${id}?w=640&h=360&fit=cover`, `/v/${id}/_/1-w640-ar16x9-q2.webp`],
    [`/i/${id}?w=640&h=360&fit=inside`, `/v/${id}/_/1-w640-in16x9-q2.webp`],
    [`/i/${id}?w=640&fit=cover`, `/v/${id}/_/1-w640-q2.webp`],
    [`/i/${id}?preset=thumb`, `/v/${id}/_/1-thumb.webp`],
    [`/i/${id}?preset=full&f=avif&q=low`, `/v/${id}/_/1-full.avif`],
    [`/i/${uuid}?w=640`, `/v/${uuid}/_/1-w640-q2.webp`],
    [`/i/${uuid.toUpperCase()}?w=640`, `/v/${uuid}/_/1-w640-q2.webp`],
    [`/i/${id.toLowerCase()}?w=640`, `/v/${id}/_/1-w640-q2.webp`],
  ])('%s -> %s', (url, path) => {
    expect(canonical(url)).toBe(path)
  })

  it.each([
    'w=601',
    'w=640&utm=1',
    'W=640',
    'dpr=2&w=320',
    'w=320&dpr=2',
    'fbclid=abc&w=640&foo[bar]=%00%ff',
    'w=640&w=640',
    'w=640&q=75',
    'w=640&s=deadbeef&e=9',
  ])('%s lands on the key of w=640', (query) => {
    expect(canonical(`/i/${id}?${query}`)).toBe(`/v/${id}/_/1-w640-q2.webp`)
  })
})

describe('refusals', () => {
  it.each([
    ['w=abc', 'INVALID_WIDTH'],
    ['w=', 'INVALID_WIDTH'],
    ['w=0', 'INVALID_WIDTH'],
    ['w=-1', 'INVALID_WIDTH'],
    ['w=1e9', 'INVALID_WIDTH'],
    ['w=8193', 'INVALID_WIDTH'],
    ['w=640.5', 'INVALID_WIDTH'],
    ['w=0640', 'INVALID_WIDTH'],
    ['w=%36%34%30', 'INVALID_WIDTH'],
    ['w=6４0', 'INVALID_WIDTH'],
    ['w=640&w=641', 'DUPLICATE_PARAMETER'],
    ['w=640&W=800', 'DUPLICATE_PARAMETER'],
    ['dpr=NaN', 'INVALID_DPR'],
    ['w=64&dpr=0.5', 'INVALID_DPR'],
    ['w=64&dpr=4.1', 'INVALID_DPR'],
    ['w=64&dpr=Infinity', 'INVALID_DPR'],
    ['w=640&q=0', 'INVALID_QUALITY'],
    ['w=640&q=101', 'INVALID_QUALITY'],
    ['w=640&q=best', 'INVALID_QUALITY'],
    ['w=640&q=__proto__', 'INVALID_QUALITY'],
    ['w=640&f=svg', 'INVALID_FORMAT'],
    ['w=640&ar=16', 'INVALID_RATIO'],
    ['w=640&ar=0:9', 'INVALID_RATIO'],
    ['w=640&h=0', 'INVALID_HEIGHT'],
    ['h=100', 'HEIGHT_WITHOUT_WIDTH'],
    ['w=640&fit=fill', 'INVALID_FIT'],
    ['preset=nope', 'UNKNOWN_PRESET'],
    ['preset=constructor', 'UNKNOWN_PRESET'],
    ['preset=thumb&w=640', 'PRESET_WITH_SIZE'],
    ['r=123', 'INVALID_REVISION'],
    ['r=_', 'INVALID_REVISION'],
  ])('%s is refused with %s', (query, code) => {
    expect(parse(`/i/${id}?${query}`)).toMatchObject({ code })
  })

  it.each([
    '/',
    '/i/',
    `/i/${id}/`,
    `/i/${id}/x`,
    `/i/${id}%00`,
    `/i/${id}\0`,
    `/i/${id}%5c`,
    `/i/%2e%2e/${id}`,
    `/i/../${id}`,
    `/i/${id}.webp`,
    `/i//${id}`,
    `/I/${id}`,
    `/v/${id}/_/1-w640-q2.webp`,
    '/i/8ZZZZZZZZZZZZZZZZZZZZZZZZZ',
    '/i/01JD0R3XW6ZQJ5Y5T1V9N4K8MU',
    `/i/${id}\n`,
  ])('path %j is refused', (path) => {
    expect(parseImageUrl(path, [])).toMatchObject({ code: 'INVALID_PATH' })
  })
})

const anySize = fc.oneof(
  fc.record({
    kind: fc.constant('rung' as const),
    width: fc.constantFrom(...rungs),
    ratio: fc.constantFrom('', ...aspectRatios),
    fit: fc.constantFrom('inside' as const, 'cover' as const),
  }),
  fc.record({ kind: fc.constant('preset' as const), name: fc.constantFrom(...Object.keys(presets)) }),
)

/** Variants in their one spelling: no fit without a ratio, no band beside a preset. */
const anyVariant: fc.Arbitrary<Variant> = fc
  .record({
    id: fc.constantFrom(id, uuid),
    rev: fc.oneof(fc.constant(aliasRev), fc.stringMatching(/^[0-9a-f]{8}$/)),
    size: anySize,
    band: fc.constantFrom<Band>(1, 2, 3),
    format: fc.constantFrom(...formats),
  })
  .map((variant) => {
    if (variant.size.kind === 'preset') return { ...variant, band: 2 as const }
    if (variant.size.ratio === '') return { ...variant, size: { ...variant.size, fit: 'inside' as const } }
    return variant
  })

describe('round trip', () => {
  it('keeps the meaning from variant to public URL to canonical path and back', () => {
    fc.assert(
      fc.property(anyVariant, (variant) => {
        const url = formatImageUrl(variant)
        expect(parse(url)).toEqual(variant)
        expect(parseCanonicalPath(canonical(url))).toEqual(variant)
        expect(canonicalPath(variant)).toMatch(/^\/[A-Za-z0-9\-._/]+$/)
      }),
    )
  })

  it('gives only canonical paths that are read back, whatever the query', () => {
    const anyQuery = fc.array(
      fc.record({
        name: fc.oneof(
          fc.constantFrom('w', 'h', 'ar', 'q', 'f', 'fit', 'dpr', 'r', 'preset', 'W'),
          fc.string(),
        ),
        value: fc.oneof(
          fc.integer({ min: -5, max: 9999 }).map(String),
          fc.string(),
          fc.constantFrom('1:1', 'cover'),
        ),
      }),
      { maxLength: 6 },
    )
    fc.assert(
      fc.property(anyQuery, (query) => {
        const request = parseImageUrl(`/i/${id}`, query)
        if (isFault(request)) return
        const path = canonicalPath({ ...request, format: request.format || 'webp' })
        expect(parseCanonicalPath(path)).not.toBeNull()
      }),
    )
  })
})

describe('parseCanonicalPath', () => {
  it.each([
    `/v/${id}/_/1-w641-q2.webp`,
    `/v/${id}/_/1-w640-q4.webp`,
    `/v/${id}/_/2-w640-q2.webp`,
    `/v/${id}/_/1-w640-ar7x5-q2.webp`,
    `/v/${id}/_/1-w640-q2.svg`,
    `/v/${id}/_/1-w640-q2.jpg2`,
    `/v/${id}/_/1-nope.webp`,
    `/v/${id}/_/1-constructor.webp`,
    `/v/${id}/ABCDEF01/1-w640-q2.webp`,
    `/v/${id.toLowerCase()}/_/1-w640-q2.webp`,
    `/v/../_/1-w640-q2.webp`,
    `/v/${id}/_/1-w640-q2.webp/`,
    `/i/${id}`,
  ])('refuses %s', (path) => {
    expect(parseCanonicalPath(path)).toBeNull()
  })
})
