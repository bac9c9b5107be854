import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { createRequestListener } from '@remix-run/node-fetch-server'

type FetchHandler = (request: Request) => Promise<Response>

/** What stands behind the one address. */
export interface FrontDoor {
  page: FetchHandler
  api: FetchHandler
  devTokens: FetchHandler
  health: FetchHandler
  /** The edge: images, and everything that nobody else knows. */
  edge: RequestListener
}

const apiPath = /^\/(images|ledger|uploads|metrics|openapi\.json|docs)(\/|$)/
const pagePath = /^\/($|assets\/|favicon\.ico$)/

/**
 * One address for the whole system, so that a page, its images and the API share an origin. Deployed they have a
 * domain each.
 *
 * Chooses by the path as it was sent: reading it as a URL would fold `%2e%2e`, which is the edge function's to
 * refuse.
 */
export function createFrontDoor({ page, api, devTokens, health, edge }: FrontDoor): RequestListener {
  const listeners: [RegExp, RequestListener][] = [
    [apiPath, createRequestListener(api)],
    [/^\/dev\//, createRequestListener(devTokens)],
    [/^\/health$/, createRequestListener(health)],
    [pagePath, createRequestListener(page)],
  ]
  return (request: IncomingMessage, response: ServerResponse) => {
    const path = request.url!.split('?', 1)[0]!
    const listener = listeners.find(([pattern]) => pattern.test(path))?.[1] ?? edge
    listener(request, response)
  }
}
