import { validationFailed } from './problems.ts'

/** The entity tag of a version. */
export function etagOf(version: number): string {
  return `"${version}"`
}

/** Whether the copy that the caller has is still current (RFC 9110, 13.1.2: a weak comparison). */
export function isNotModified(request: Request, version: number): boolean {
  const header = request.headers.get('if-none-match')
  if (header === null) return false
  return header.trim() === '*' || tagsIn(header).includes(etagOf(version))
}

/**
 * The version that If-Match names, or null where the header is absent or `*`. A weak tag counts: proxies that
 * compress answers weaken ours.
 *
 * @throws {Problem} VALIDATION_FAILED if it is not one tag of ours
 */
export function versionInIfMatch(request: Request): number | null {
  const header = request.headers.get('if-match')
  if (header === null || header.trim() === '*') return null
  const [tag, ...others] = tagsIn(header)
  const version = /^"([1-9]\d{0,14})"$/.exec(tag ?? '')?.[1]
  if (version === undefined || others.length > 0) {
    throw validationFailed([{ path: 'If-Match', message: 'must be the ETag of one version, such as "3"' }])
  }
  return Number(version)
}

function tagsIn(header: string): string[] {
  return header.split(',').map((tag) => tag.trim().replace(/^W\//, ''))
}
