import { OriginFailure, type Origin, type OriginFailureKind } from './origin.ts'

const failoverMethods = new Set(['GET', 'HEAD', 'OPTIONS'])
// 403 is not among them: a broken origin access shows as 403, and must not silently render everything.
const failoverStatuses = new Set([404, 500, 503, 504])

/**
 * Whether the second origin of our origin group is asked: after 404, 500, 503 or 504, when the first can't be reached
 * (because 503 is on the list) or times out (because 504 is), and for GET, HEAD and OPTIONS only.
 *
 * Source: "Optimize high availability with CloudFront origin failover".
 */
export function shouldFailover(method: string, outcome: number | OriginFailureKind): boolean {
  if (!failoverMethods.has(method)) return false
  if (typeof outcome === 'number') return failoverStatuses.has(outcome)
  return outcome === 'connect' || outcome === 'timeout'
}

export interface OriginGroupOptions {
  readonly primary: Origin
  readonly secondary: Origin
}

/** An origin that asks `primary` and, where {@link shouldFailover} says so, `secondary` with the same request. */
export function createOriginGroup({ primary, secondary }: OriginGroupOptions): Origin {
  return async (request) => {
    try {
      const response = await primary(request)
      if (!shouldFailover(request.method, response.status)) return response
    } catch (error) {
      if (!(error instanceof OriginFailure) || !shouldFailover(request.method, error.kind)) throw error
    }
    return secondary(request)
  }
}
