/** What a shared cache reads from `Cache-Control`; durations in seconds, `null` where absent or malformed. */
export interface CacheControl {
  readonly maxAgeSeconds: number | null
  readonly sharedMaxAgeSeconds: number | null
  readonly staleWhileRevalidateSeconds: number | null
  readonly staleIfErrorSeconds: number | null
  /** one of `no-store`, `no-cache`, `private` is there */
  readonly forbidsSharing: boolean
}

/** Parses `Cache-Control` (RFC 9111, 5.2). Names in any case; of a repeated directive the first counts. */
export function parseCacheControl(header: string | null): CacheControl {
  const directives = new Map<string, string>()
  for (const part of (header ?? '').split(',')) {
    const [name = '', value = ''] = part.split('=', 2)
    const key = name.trim().toLowerCase()
    if (key !== '' && !directives.has(key)) directives.set(key, value.trim().replaceAll('"', ''))
  }
  return {
    maxAgeSeconds: seconds(directives.get('max-age')),
    sharedMaxAgeSeconds: seconds(directives.get('s-maxage')),
    staleWhileRevalidateSeconds: seconds(directives.get('stale-while-revalidate')),
    staleIfErrorSeconds: seconds(directives.get('stale-if-error')),
    forbidsSharing: directives.has('no-store') || directives.has('no-cache') || directives.has('private'),
  }
}

function seconds(value: string | undefined): number | null {
  return value !== undefined && /^\d{1,10}$/.test(value) ? Number(value) : null
}
