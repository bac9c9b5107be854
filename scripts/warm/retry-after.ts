/**
 * How long a Retry-After header asks to wait, in milliseconds; null without one, or for what is neither seconds nor a
 * date (RFC 9110, 10.2.3).
 *
 * @param now milliseconds since the epoch
 */
export function retryAfterMilliseconds(header: string | null, now: number): number | null {
  if (header === null) return null
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000
  // Date.parse takes '1.5' for a date too, and the form of asctime for local time.
  const at = /^[A-Z][a-z]+, .* GMT$/.test(header) ? Date.parse(header) : NaN
  return Number.isNaN(at) ? null : Math.max(0, at - now)
}
