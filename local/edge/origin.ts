/** Names and values in the order of the wire. */
export type HeaderPairs = readonly (readonly [name: string, value: string])[]

/** What CloudFront sends to an origin. `path` is raw: percent-encoded, no query string. */
export interface OriginRequest {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
}

export interface OriginResponse {
  readonly status: number
  readonly headers: HeaderPairs
  readonly body: Buffer
}

/** @throws {OriginFailure} when there is no complete answer */
export type Origin = (request: OriginRequest) => Promise<OriginResponse>

/**
 * Why an origin gave no answer. `connect`: it could not be reached. `timeout`: it took too long. `broken`: the answer
 * ended early or was no HTTP.
 */
export type OriginFailureKind = 'connect' | 'timeout' | 'broken'

/** No complete answer from an origin; viewers see 502, or 504 for a timeout. */
export class OriginFailure extends Error {
  override readonly name = 'OriginFailure'
  readonly kind: OriginFailureKind

  constructor(kind: OriginFailureKind, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.kind = kind
  }
}

/** The first value of a header, or `null`; `name` in lower case. */
export function headerValue(headers: HeaderPairs, name: string): string | null {
  for (const [key, value] of headers) if (key.toLowerCase() === name) return value
  return null
}
