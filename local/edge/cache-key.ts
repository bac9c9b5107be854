/**
 * The cache key under our cache policy: the path as the edge function left it, and nothing else. No query string, no
 * header, no cookie; GET and HEAD share an entry.
 *
 * Source: "Understand the cache key".
 */
export function cacheKey(request: { readonly uri: string }): string {
  return request.uri
}
