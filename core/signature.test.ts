import { describe, expect, it } from 'vitest'
import type { ImageRequest, Size } from './image-url.ts'
import {
  covers,
  formatSignedUrl,
  parseSignature,
  type Permit,
  permitText,
  signatureQuery,
  type SignedPermit,
} from './signature.ts'

const id = '01JD0R3XW6ZQJ5Y5T1V9N4K8MH'
const mac = 'A'.repeat(43)
const permit: Permit = { id, expiresAt: 1_800_000_000, widthMax: 640, formats: 'awj' }
const signed: SignedPermit = { permit, keyName: 'b', mac }
const rung = (width: number): Size => ({ kind: 'rung', width, ratio: '', fit: 'inside' })

describe('signatures', () => {
  it('are read back as they are written', () => {
    const [expiry, signature] = signatureQuery(signed)
      .split('&')
      .map((pair) => pair.slice(2)) as [string, string]
    expect(parseSignature(id, expiry, signature)).toEqual(signed)
  })

  it('stand behind the parameters of the picture, or alone', () => {
    const request: ImageRequest = { id, rev: '_', size: rung(640), band: 2, format: '' }
    expect(formatSignedUrl(request, signed)).toBe(`/p/${id}?w=640&e=1800000000&s=b.640.awj.${mac}`)
  })

  it.each([
    ['', `a.640.awj.${mac}`],
    ['abc', `a.640.awj.${mac}`],
    ['180000000', `a.640.awj.${mac}`],
    ['18000000000', `a.640.awj.${mac}`],
    ['1800000000', ''],
    ['1800000000', `c.640.awj.${mac}`],
    ['1800000000', `a.0.awj.${mac}`],
    ['1800000000', `a.640.jwa.${mac}`],
    ['1800000000', `a.640.x.${mac}`],
    ['1800000000', `a.640.awj.${mac.slice(1)}`],
    ['1800000000', `a.640.awj.${mac}A`],
    ['1800000000', `a.640.awj.${mac}.`],
  ])('e=%s&s=%s is malformed', (expiry, signature) => {
    expect(parseSignature(id, expiry, signature)).toBeNull()
  })

  it('put every part of the permit under the MAC', () => {
    const others: Permit[] = [
      permit,
      { ...permit, id: '01JD0R3XW6ZQJ5Y5T1V9N4K8MJ' },
      { ...permit, expiresAt: 1_800_000_001 },
      { ...permit, widthMax: 641 },
      { ...permit, formats: 'aw' },
    ]
    expect(new Set(others.map(permitText)).size).toBe(others.length)
  })

  it.each<[Size, 'avif' | 'webp' | 'jpeg' | 'png', boolean]>([
    [rung(640), 'avif', true],
    [rung(56), 'webp', true],
    [rung(800), 'avif', false],
    [rung(640), 'png', false],
    [{ kind: 'preset', name: 'thumb' }, 'jpeg', true],
    [{ kind: 'preset', name: 'full' }, 'jpeg', false],
  ])('cover %j as %s: %s', (size, format, expected) => {
    expect(covers(permit, size, format)).toBe(expected)
  })
})
