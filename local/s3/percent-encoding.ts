import { S3Error } from './errors.ts'

/** Percent-encodes all but the unreserved characters of RFC 3986, as Signature Version 4 requires. */
export function encodeStrictly(value: string): string {
  return encodeURIComponent(value).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

/** Percent-encodes an object key, keeping its slashes. */
export function encodeKey(key: string): string {
  return key.split('/').map(encodeStrictly).join('/')
}

/** @throws {S3Error} `InvalidURI` when the text is not valid percent-encoded UTF-8. */
export function decodeStrictly(encoded: string): string {
  try {
    return decodeURIComponent(encoded)
  } catch {
    throw new S3Error('InvalidURI')
  }
}
