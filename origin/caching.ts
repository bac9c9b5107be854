/*
 * How long answers may be kept. A URL with the current revision names bytes that never change; any other may
 * mean something else tomorrow.
 */

/** For a URL that names the current revision. */
export const immutable = 'public, max-age=31536000, immutable'

/** For a URL that means "whatever the image is now". */
export const mutable = 'public, max-age=60, s-maxage=300, stale-while-revalidate=86400'

/** For an image that is not there: short, since it may be uploaded or published in a moment. */
export const absent = 'public, max-age=0, s-maxage=60'

/** For a larger variant that stands in for one that could not be rendered just now. */
export const makeshift = 'public, max-age=0, s-maxage=5'
