import cloudfront from 'cloudfront'
import crypto from 'crypto'
import type { ImageRequest, QueryParameter } from '../core/image-url.ts'
import type { Format } from '../core/ladder.ts'
import { covers, type KeyName, parseSignature, permitText, storedKeyName } from '../core/signature.ts'

/** Why a signed request is refused; null if it is not. */
export async function signatureFault(
  asked: ImageRequest,
  format: Format,
  query: QueryParameter[],
): Promise<{ code: string; detail: string } | null> {
  const expiry = only(query, 'e')
  const signature = only(query, 's')
  if (expiry === undefined || signature === undefined) {
    return { code: 'SIGNATURE_MISSING', detail: 'a private image needs the parameters e and s' }
  }
  const signed = parseSignature(asked.id, expiry, signature)
  const key = signed === null ? '' : await signingKey(signed.keyName)
  if (signed === null || key === '' || !isSame(macOf(permitText(signed.permit), key), signed.mac)) {
    return { code: 'SIGNATURE_INVALID', detail: 'the signature is not valid for this image' }
  }
  if (signed.permit.expiresAt * 1000 <= Date.now()) {
    return { code: 'SIGNATURE_EXPIRED', detail: 'the signature has expired' }
  }
  if (!covers(signed.permit, asked.size, format)) {
    return { code: 'SIGNATURE_TOO_NARROW', detail: 'the signature does not cover this width or format' }
  }
  return null
}

/** The value of a parameter that is there exactly once. */
function only(query: QueryParameter[], name: string): string | undefined {
  const found = query.filter((parameter) => parameter.name.toLowerCase() === name)
  return found.length === 1 ? found[0]!.value : undefined
}

/** '' where the store has no such key: then nothing is valid. */
async function signingKey(keyName: KeyName): Promise<string> {
  try {
    const key = await cloudfront.kvs().get(storedKeyName(keyName))
    return key
  } catch {
    return ''
  }
}

function macOf(text: string, key: string): string {
  return crypto.createHmac('sha256', key).update(text).digest('base64url')
}

/** Takes the same time wherever the texts differ. */
function isSame(a: string, b: string): boolean {
  let difference = a.length ^ b.length
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i)
  return difference === 0
}
