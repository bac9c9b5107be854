import { contentTypes } from './encoders.ts'

/*
 * How long answers may be kept. A URL with the current revision names bytes that never change; any other may
 * mean something else tomorrow.
 */

/** For a URL that names the current revision. */
export const immutable = 'public, max-age=31536000, immutable'

/**
 * For a signed URL that names the current revision. The CDN checks the signature each time, a browser does not: it
 * must not show a private picture long after the signature has expired.
 */
export const signedImmutable = 'max-age=300, s-maxage=31536000'

/**
 * For AVIF that was encoded quickly, for a URL that names the current revision. A better encoding may replace it: the
 * CDN looks again every day. A browser need not, since the picture is the same.
 */
export const provisional = 'public, max-age=31536000, s-maxage=86400, immutable'

/** The same for a signed URL. */
export const signedProvisional = 'max-age=300, s-maxage=86400'

/** For a URL that means "whatever the image is now". */
export const mutable = 'public, max-age=60, s-maxage=300, stale-while-revalidate=86400'

/** For an image that is not there: short, since it may be uploaded or published in a moment. */
export const absent = 'public, max-age=0, s-maxage=60'

/** For a larger variant that stands in for one that could not be rendered just now. */
export const makeshift = 'public, max-age=0, s-maxage=5'

/** Whether what was stored with this header may still be replaced by a better encoding. */
export function isProvisional(cacheControl: string | null): boolean {
  return cacheControl === provisional || cacheControl === signedProvisional
}

/** For a variant under the current revision as it is first made; under none where the record has none. */
export function cacheControlFor(
  { rev }: { rev: string | null },
  { signed, contentType }: { signed: boolean; contentType: string },
): string {
  if (rev === null) return mutable
  if (contentType === contentTypes.avif) return signed ? signedProvisional : provisional
  return finalCacheControl(signed)
}

/** For a variant that will not get better. */
export function finalCacheControl(signed: boolean): string {
  return signed ? signedImmutable : immutable
}
