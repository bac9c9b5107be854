import * as fc from 'fast-check'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { aspectRatios, type Fit, formats, rungs } from '../core/ladder.ts'
import { extract, generate, transform, type TintypeOperations, type TintypeOptions } from './unpic.ts'

const cdn = 'https://cdn.example.com'
const id = '01JD0R3XW6ZQJ5Y5T1V9N4K8MH'
const image = `${cdn}/i/${id}?r=0a1b2c3d`

const operations: fc.Arbitrary<TintypeOperations> = fc.oneof(
  fc.constantFrom<TintypeOperations>({ preset: 'thumb' }, { preset: 'full', format: 'webp' }),
  fc.record({ width: fc.constantFrom(...rungs) }).chain((width) =>
    fc
      .tuple(
        fc.record(
          { quality: fc.constantFrom('low', 'high'), format: fc.constantFrom(...formats) },
          { requiredKeys: [] },
        ),
        fc.option(
          fc.record({
            aspectRatio: fc.constantFrom(...aspectRatios) as fc.Arbitrary<`${number}:${number}`>,
            fit: fc.constantFrom<Fit>('cover', 'inside'),
          }),
        ),
      )
      .map(([look, crop]) => ({ ...width, ...look, ...crop })),
  ),
)

describe('extract', () => {
  it('reads what generate writes', () => {
    fc.assert(
      fc.property(operations, (wanted) => {
        const url = generate(image, wanted)
        expect(extract(url)).toEqual({ src: image, operations: wanted, options: { baseUrl: cdn } })
        expect(extract(new URL(url))?.operations).toEqual(wanted)
      }),
    )
  })

  it('tells no width that the URL does not name', () => {
    expect(extract(image)).toEqual({ src: image, operations: {}, options: { baseUrl: cdn } })
  })

  it('finds the image behind a base with a path, whatever that is', () => {
    const src = `https://example.com/i/img/i/${id}`
    const baseUrl = 'https://example.com/i/img'
    expect(extract(`${src}?w=640`)).toEqual({ src, operations: { width: 640 }, options: { baseUrl } })
  })

  it('leaves a relative URL relative', () => {
    expect(extract(`/i/${id}?w=640`)).toEqual({ src: `/i/${id}`, operations: { width: 640 }, options: {} })
    expect(extract(id, { baseUrl: cdn })).toEqual({
      src: `/i/${id}`,
      operations: {},
      options: { baseUrl: cdn },
    })
  })

  it.each(['https://example.com/a.jpg', '/i/x', `${cdn}/i/${id}?w=abc`, ''])('gives null for %j', (url) => {
    expect(extract(url)).toBeNull()
  })
})

describe('generate', () => {
  it.each<[TintypeOperations, string]>([
    [{ width: 601.4 }, '&w=640'],
    [{ width: '320', height: '180' }, '&w=328&ar=16:9'],
    [{ width: 320, height: 180, fit: 'inside' }, '&w=328&ar=16:9&fit=inside'],
    [{ height: 180 }, '&w=1960'],
    [{}, '&w=1960'],
    [{ aspectRatio: 1 }, '&w=1960&ar=1:1'],
    [{ width: 640, format: 'jpg' }, '&w=640&f=jpeg'],
    [{ width: 640, format: 'auto' }, '&w=640'],
    [{ width: 640, quality: '90' }, '&w=640&q=high'],
    [{ width: 640, quality: 'low' }, '&w=640&q=low'],
    [{ width: 640, quality: 'best' }, '&w=640'],
    [{ preset: 'thumb' }, '&preset=thumb'],
    [{ preset: 'thumb', width: 640 }, '&w=640&ar=1:1'],
  ])('writes %o', (wanted, query) => {
    expect(generate(image, wanted)).toBe(image + query)
  })

  it('takes the base from the options where the source has none', () => {
    const url = `${cdn}/i/${id}?w=640`
    expect(generate(id, { width: 640 }, { baseUrl: `${cdn}/` })).toBe(url)
    expect(generate(`/i/${id}`, { width: 640 }, { baseUrl: cdn })).toBe(url)
    expect(generate(`/i/${id}`, { width: 640 })).toBe(`/i/${id}?w=640`)
    expect(generate(image, { width: 640 }, { baseUrl: 'https://other.example.com' })).toBe(`${image}&w=640`)
  })

  it('leaves the URL of another service as it is', () => {
    expect(generate('https://example.com/a.jpg', { width: 640 })).toBe('https://example.com/a.jpg')
  })
})

describe('transform', () => {
  it.each<[string, string, TintypeOperations, string]>([
    ['replaces what is given', '&w=328&q=low&f=webp', { width: 640 }, '&w=640&q=low&f=webp'],
    [
      'takes undefined for not given',
      '&w=328&q=low',
      { width: 640, quality: undefined as never },
      '&w=640&q=low',
    ],
    ['crops anew to sides that are given', '&w=328&ar=1:1', { width: 640, height: 360 }, '&w=640&ar=16:9'],
    ['keeps a crop where only the width changes', '&w=328&ar=1:1', { width: 640 }, '&w=640&ar=1:1'],
    ['keeps the shape of a preset', '&preset=thumb', { width: 640 }, '&w=640&ar=1:1'],
    ['puts a preset in the place of a size', '&w=328&ar=16:9', { preset: 'full' }, '&preset=full'],
    ['knows no height without a width', '', { height: 100 }, '&w=1960'],
  ])('%s', (_, query, given, expected) => {
    expect(transform(image + query, given)).toBe(image + expected)
  })

  it('takes ids with a base, and leaves other services alone', () => {
    expect(transform(id, { width: 640 }, { baseUrl: cdn })).toBe(`${cdn}/i/${id}?w=640`)
    expect(transform('https://example.com/a.jpg', { width: 640 })).toBe('https://example.com/a.jpg')
  })
})

it('has the types of a provider of unpic', () => {
  // src/types.ts of unpic 4.2.2, reduced to what concerns a provider with options.
  interface Operations {
    width?: number | string
    height?: number | string
    format?: 'jpeg' | 'jpg' | 'png' | 'webp' | 'avif' | (string & {})
    quality?: number | string
  }
  type Transformer<TOperations extends Operations, TOptions> = (
    src: string | URL,
    operations: TOperations,
    options?: TOptions,
  ) => string
  type Extractor<TOperations extends Operations, TOptions> = (
    url: string | URL,
    options?: TOptions,
  ) => { operations: TOperations; src: string; options: TOptions } | null

  expectTypeOf<TintypeOperations>().toExtend<Operations>()
  expectTypeOf(generate).toExtend<Transformer<TintypeOperations, TintypeOptions>>()
  expectTypeOf(transform).toExtend<Transformer<TintypeOperations, TintypeOptions>>()
  expectTypeOf(extract).toExtend<Extractor<TintypeOperations, TintypeOptions>>()
  // What a component of unpic passes, which knows no more than every provider.
  expectTypeOf<Operations>().toExtend<TintypeOperations>()
})
