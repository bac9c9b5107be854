/** What a cached answer says about itself. */
export interface Validators {
  readonly etag: string | null
  readonly lastModified: string | null
}

/** What the viewer says it has. */
export interface Conditions {
  readonly ifNoneMatch: string | null
  readonly ifModifiedSince: string | null
}

/**
 * Whether the viewer has the cached answer already, so that it gets 304: by `If-None-Match` (weak comparison, lists,
 * `*`), else by `If-Modified-Since` (RFC 9110, 13.1).
 */
export function isNotModified(conditions: Conditions, validators: Validators): boolean {
  if (conditions.ifNoneMatch !== null) return matchesEntityTag(conditions.ifNoneMatch, validators.etag)
  if (conditions.ifModifiedSince === null || validators.lastModified === null) return false
  return Date.parse(validators.lastModified) <= Date.parse(conditions.ifModifiedSince)
}

function matchesEntityTag(list: string, etag: string | null): boolean {
  if (list.trim() === '*') return true
  if (etag === null) return false
  const wanted = opaque(etag)
  return (list.match(/(?:W\/)?"[^"]*"/g) ?? []).some((candidate) => opaque(candidate) === wanted)
}

function opaque(etag: string): string {
  return etag.startsWith('W/') ? etag.slice(2) : etag
}
