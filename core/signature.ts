import { formatImageUrl, type ImageRequest, type Size } from './image-url.ts'
import { type Format, formats, presets } from './ladder.ts'

/*
 * Signed URLs of private images:
 *
 *   /p/<id>?w=640&e=<expiry>&s=<key>.<max width>.<formats>.<mac>
 *
 * The signature covers the image and a policy, not the size: one signature is good for a whole srcset. Neither it nor
 * the expiry is part of the cache key.
 *
 * This file runs inside the edge function: see docs/edge-function.md for the language it may use.
 */

/** What a signature permits: pictures of one image, up to a width, in some formats, until a time. */
export interface Permit {
  id: string
  /** Unix seconds. */
  expiresAt: number
  /** Pixels, after snapping: the largest rung that may be asked for. */
  widthMax: number
  /** One letter a format, in the order of `formatLetters`. */
  formats: string
}

/** A permit as it stands in a URL, with the proof of it. */
export interface SignedPermit {
  permit: Permit
  /** Which of the keys made the MAC: two are valid at a time, so that one can be replaced without an outage. */
  keyName: KeyName
  /** HMAC-SHA256 of `permitText`, base64url without padding. */
  mac: string
}

export type KeyName = 'a' | 'b'

/** The letters of the formats, in the order of `formats`. */
export const formatLetters = 'awjp'

/** The name of a signing key in the edge function's KeyValueStore. */
export function storedKeyName(keyName: KeyName): string {
  return 'signing-key-' + keyName
}

/** The text under the MAC. The version comes first: a later grammar can't be taken for this one. */
export function permitText(permit: Permit): string {
  return ['1', permit.id, permit.expiresAt, permit.widthMax, permit.formats].join('\n')
}

/** The query parameters of a signed URL. */
export function signatureQuery(signed: SignedPermit): string {
  const permit = signed.permit
  const signature = [signed.keyName, permit.widthMax, permit.formats, signed.mac].join('.')
  return 'e=' + permit.expiresAt + '&s=' + signature
}

/** The public URL (path and query) that asks for this under a signature. */
export function formatSignedUrl(request: ImageRequest, signed: SignedPermit): string {
  const url = '/p/' + formatImageUrl(request).slice('/i/'.length)
  return url + (url.indexOf('?') < 0 ? '?' : '&') + signatureQuery(signed)
}

const signaturePattern = /^([ab])\.([1-9]\d{0,3})\.(a?w?j?p?)\.([\w-]{43})$/

/** Reads the parameters `e` and `s` of a URL of this image; null if they are malformed. */
export function parseSignature(id: string, expiry: string, signature: string): SignedPermit | null {
  const match = signaturePattern.exec(signature)
  if (match === null || !/^[1-9]\d{9}$/.test(expiry)) return null
  return {
    permit: { id: id, expiresAt: Number(expiry), widthMax: Number(match[2]), formats: match[3]! },
    keyName: match[1] as KeyName,
    mac: match[4]!,
  }
}

/** Whether a permit covers a size and a format; the time is not looked at. */
export function covers(permit: Permit, size: Size, format: Format): boolean {
  const width = size.kind === 'preset' ? presets[size.name]!.width : size.width
  return width <= permit.widthMax && permit.formats.indexOf(letterOf(format)) >= 0
}

/** The letter of a format. */
export function letterOf(format: Format): string {
  return formatLetters.charAt(formats.indexOf(format))
}
