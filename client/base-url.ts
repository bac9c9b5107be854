/** A base to which a path is appended. */
export function withoutSlash(baseUrl: string): string {
  return baseUrl.replace(/\/+$/, '')
}
