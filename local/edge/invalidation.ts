/** CloudFront's limit ("Quotas"): characters in a path to invalidate. */
const pathLengthMax = 4_000

/**
 * Compiles invalidation paths: `/a/b` is that path, `/a/*` every path that begins with `/a/`. Case counts.
 *
 * @throws {RangeError} for a path without a leading slash, with a `*` elsewhere than at the end, with characters that
 * must be percent-encoded, or of more than 4,000 characters
 *
 * Source: "Invalidate files to remove content", "Specify files to invalidate".
 */
export function matchesInvalidation(patterns: readonly string[]): (key: string) => boolean {
  const exact = new Set<string>()
  const prefixes: string[] = []
  for (const pattern of patterns) {
    assertPattern(pattern)
    if (pattern.endsWith('*')) prefixes.push(pattern.slice(0, -1))
    else exact.add(pattern)
  }
  return (key) => exact.has(key) || prefixes.some((prefix) => key.startsWith(prefix))
}

function assertPattern(pattern: string): void {
  const fault = faultOf(pattern)
  if (fault !== null) throw new RangeError(`Invalid invalidation path ${JSON.stringify(pattern)}: ${fault}`)
}

function faultOf(pattern: string): string | null {
  if (!pattern.startsWith('/')) return 'it must begin with a slash'
  if (pattern.length > pathLengthMax) return `it is longer than ${pathLengthMax} characters`
  if (pattern.slice(0, -1).includes('*')) return '* may stand at the end only'
  if (!/^[!-~]+$/.test(pattern)) return 'spaces and characters beyond ASCII must be percent-encoded'
  return null
}
