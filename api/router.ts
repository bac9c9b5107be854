import { randomUUID } from 'node:crypto'
import { type IRequest, Router } from 'itty-router'
import { Problem, problemResponse } from '../core/problem.ts'
import { authenticate } from './auth.ts'
import type { Call, Handler, UserHandler } from './call.ts'
import { createCors } from './cors.ts'
import type { ApiDependencies } from './dependencies.ts'
import { docsAsset, docsPage } from './docs-page.ts'
import { createImages } from './images.ts'
import { createLedgerReads } from './ledger.ts'
import { requestHistogram } from './metrics.ts'
import { openApiDocument } from './openapi.ts'
import { problem } from './problems.ts'
import { countRequest, type NamedLimit } from './rate-limits.ts'
import { createReplacements } from './replacements.ts'
import { isPassing } from './passing-errors.ts'
import { createSignatures } from './signatures.ts'
import { createUploads } from './uploads.ts'

type Methods = Partial<Record<'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', Handler>>

/**
 * The metadata API as one function from request to answer, the same in Lambda and on one machine. It never throws:
 * whatever goes wrong is an answer too.
 */
export function createApi(deps: ApiDependencies): (request: Request) => Promise<Response> {
  const { rateLimits, metrics, log } = deps
  const images = createImages(deps)
  const replacements = createReplacements(deps)
  const signatures = createSignatures(deps)
  const ledger = createLedgerReads(deps)
  const uploads = createUploads(deps)
  const cors = createCors(deps.corsOrigins)
  const requests = requestHistogram(metrics)

  const uploading: NamedLimit[] = [
    { name: 'uploads', limiter: rateLimits.uploadsPerMinute },
    { name: 'uploads-hour', limiter: rateLimits.uploadsPerHour },
  ]
  const changing: NamedLimit[] = [{ name: 'changes', limiter: rateLimits.changesPerMinute }]

  const router = Router()
  const routes: Record<string, Methods> = {
    '/images': { GET: forUser(images.list), POST: forUser(limited(uploading, uploads.receive)) },
    '/images/:id': {
      GET: forUser(images.get),
      PATCH: forUser(limited(changing, images.patch)),
      DELETE: forUser(limited(changing, images.remove)),
    },
    '/images/:id/original': { PUT: forUser(limited(uploading, replacements.replace)) },
    '/images/:id/ledger': { GET: forUser(ledger.readImage) },
    '/ledger': { GET: forUser(ledger.read) },
    '/images/:id/signatures': { POST: forUser(signatures.issue) },
    '/uploads': { POST: forUser(limited(uploading, uploads.begin)) },
    '/uploads/:id/complete': { POST: forUser(limited(changing, uploads.completeForUser)) },
    '/health': { GET: () => Response.json({ status: 'ok' }, { headers: { 'cache-control': 'no-store' } }) },
    '/metrics': { GET: metricsText },
    '/openapi.json': { GET: () => Response.json(openApiDocument()) },
    '/docs': { GET: docsPage },
    '/docs/:file': { GET: docsAsset },
  }
  for (const [path, methods] of Object.entries(routes)) {
    router.all(path, (matched: IRequest, call: Call) =>
      dispatch(methods, Object.assign(call, { params: matched.params })),
    )
  }
  router.all('*', () => {
    throw problem('NOT_FOUND', 'There is nothing at this path.')
  })

  return async function answer(request: Request): Promise<Response> {
    const startedAt = performance.now()
    const call: Call = {
      request,
      url: new URL(request.url),
      params: {},
      requestId: requestIdOf(request),
      answerHeaders: new Headers(),
      user: null,
    }
    const response = withHeaders(await answerOrProblem(call), call)
    observe(call, response.status, performance.now() - startedAt)
    return response
  }

  async function answerOrProblem(call: Call): Promise<Response> {
    try {
      return (await router.fetch(call.request, call)) as Response
    } catch (error) {
      return problemResponse(asProblem(error, call), call.requestId)
    }
  }

  async function dispatch(methods: Methods, call: Call): Promise<Response> {
    const { method } = call.request
    if (method === 'OPTIONS') return cors.preflight(allowOf(methods))
    const handler = methods[(method === 'HEAD' ? 'GET' : method) as keyof Methods]
    if (handler === undefined) {
      throw problem('METHOD_NOT_ALLOWED', `This path knows ${allowOf(methods)}.`, {
        headers: { allow: allowOf(methods) },
      })
    }
    return handler(call)
  }

  function forUser(handler: UserHandler): Handler {
    return async (call) => {
      const user = await authenticate(call.request, deps)
      return handler(Object.assign(call, { user }))
    }
  }

  /** Counts requests per user. A service writes for all users, so its requests say nothing of any one of them. */
  function limited(limits: readonly NamedLimit[], handler: UserHandler): UserHandler {
    return async (call) => {
      if (!call.user.isService) await countRequest(limits, call.user.id, call.answerHeaders, log)
      return handler(call)
    }
  }

  async function metricsText(): Promise<Response> {
    return new Response(await metrics.metrics(), {
      headers: { 'content-type': metrics.contentType, 'cache-control': 'no-store' },
    })
  }

  function asProblem(error: unknown, { requestId }: Call): Problem {
    if (error instanceof Problem && error.status < 500) return error
    log.error({ err: error, requestId }, 'request failed')
    if (error instanceof Problem) return error
    if (isPassing(error)) {
      return problem('UNAVAILABLE', 'Please try again in a moment.', { headers: { 'retry-after': '5' } })
    }
    return problem('INTERNAL', 'Something went wrong on our side.')
  }

  /** The headers that every answer has. A new response, because those that others make may be immutable. */
  function withHeaders(response: Response, { request, requestId, answerHeaders }: Call): Response {
    const headers = new Headers(response.headers)
    for (const [name, value] of answerHeaders) headers.set(name, value)
    headers.set('x-request-id', requestId)
    headers.set('x-content-type-options', 'nosniff')
    cors.allow(request, headers)
    const body = request.method === 'HEAD' ? null : response.body
    return new Response(body, { status: response.status, headers })
  }

  function observe({ request, requestId, user }: Call, status: number, durationMs: number): void {
    const { method } = request
    const path = (request as Partial<IRequest>).route ?? 'unknown'
    const route = path === '*' ? 'unknown' : path
    requests.observe({ method, route, status: String(status) }, durationMs / 1000)
    log.info(
      { method, route, status, durationMs: Math.round(durationMs), requestId, userId: user?.id },
      'request',
    )
  }
}

function allowOf(methods: Methods): string {
  const names = Object.keys(methods).flatMap((name) => (name === 'GET' ? ['GET', 'HEAD'] : [name]))
  return [...names, 'OPTIONS'].join(', ')
}

/** The caller's own request id, if it is one that may stand in a log line and a header. */
function requestIdOf(request: Request): string {
  const given = request.headers.get('x-request-id')
  return given !== null && /^[\w.:/=+-]{1,128}$/.test(given) ? given : randomUUID()
}
