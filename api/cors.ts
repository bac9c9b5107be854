const allowedHeaders = 'authorization, content-type, idempotency-key, if-match, if-none-match, x-request-id'
const exposedHeaders = 'etag, location, ratelimit, ratelimit-policy, retry-after, x-request-id'
/** Seconds; Chrome keeps a preflight no longer. */
const preflightSeconds = '7200'

/**
 * Decides which origins may read answers in a browser.
 *
 * @param allowed origins such as `https://app.example.com`; `https://*.example.com` is every subdomain, at any depth,
 * and not `https://example.com` itself
 */
export function createCors(allowed: readonly string[]) {
  const patterns = allowed.map(patternOf)

  /** Sets the headers that let a page read an answer, if its origin is allowed. */
  function allow(request: Request, headers: Headers): void {
    // Also without an Origin: a shared cache must not give the answer for one origin to another.
    headers.append('vary', 'Origin')
    const origin = request.headers.get('origin')
    if (origin === null || !patterns.some((pattern) => pattern.test(origin))) return
    headers.set('access-control-allow-origin', origin)
    headers.set('access-control-expose-headers', exposedHeaders)
  }

  /** The answer to OPTIONS on a path with these methods. */
  function preflight(methods: string): Response {
    return new Response(null, {
      status: 204,
      headers: {
        allow: methods,
        'access-control-allow-methods': methods,
        'access-control-allow-headers': allowedHeaders,
        'access-control-max-age': preflightSeconds,
      },
    })
  }

  return { allow, preflight }
}

function patternOf(origin: string): RegExp {
  const escaped = origin.replace(/[.+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`^${escaped.replace('*', '[a-z0-9-]+(?:\\.[a-z0-9-]+)*')}$`)
}
