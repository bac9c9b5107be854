import {
  canonicalPath,
  type ImageRequest,
  isFault,
  parseImageUrl,
  type QueryParameter,
  signedRev,
} from '../core/image-url.ts'
import type { Format } from '../core/ladder.ts'
import { negotiate } from '../core/negotiate.ts'
import type { EdgeFields, EdgeRequest, EdgeResponse, ViewerRequestEvent } from './event.ts'
import { signatureFault } from './signed-access.ts'

const publicPrefix = '/i/'
const signedPrefix = '/p/'

/**
 * A URL longer than this is refused: what the grammar knows takes 100 characters, and the rest of the room is
 * for the tracking parameters that links collect.
 */
const urlLengthMax = 2048

/**
 * The headers that go on to cache and origin. All others are dropped, so that a stray header can neither reach
 * an origin nor poison the cache. Accept has done its work when it arrives here: the path names the format.
 */
const forwardedHeaders = ['host', 'if-none-match', 'if-modified-since', 'if-range', 'range']

/**
 * CloudFront's viewer-request function: rewrites a public URL to its canonical path, or refuses it. Only a signed
 * request has to wait for something, the key.
 */
export function handler(
  event: ViewerRequestEvent,
): EdgeRequest | EdgeResponse | Promise<EdgeRequest | EdgeResponse> {
  const request = event.request
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return refuse(405, 'Method Not Allowed', 'METHOD_NOT_ALLOWED', 'images are read with GET or HEAD')
  }
  const query = parametersOf(request.querystring)
  if (urlLength(request.uri, query) > urlLengthMax) {
    return badRequest('URL_TOO_LONG', 'the URL must not be longer than ' + urlLengthMax + ' characters')
  }
  const signed = request.uri.indexOf(signedPrefix) === 0
  const path = signed ? publicPrefix + request.uri.slice(signedPrefix.length) : request.uri
  const asked = parseImageUrl(path, query)
  if (isFault(asked)) return badRequest(asked.code, asked.detail)

  const format = asked.format === '' ? negotiate(headerValue(request.headers, 'accept')) : asked.format
  return signed ? rewriteIfSigned(request, asked, format, query) : rewrite(request, asked, asked.rev, format)
}

async function rewriteIfSigned(
  request: EdgeRequest,
  asked: ImageRequest,
  format: Format,
  query: QueryParameter[],
): Promise<EdgeRequest | EdgeResponse> {
  const fault = await signatureFault(asked, format, query)
  if (fault !== null) return refuse(403, 'Forbidden', fault.code, fault.detail)
  return rewrite(request, asked, signedRev(asked.rev), format)
}

function rewrite(request: EdgeRequest, asked: ImageRequest, rev: string, format: Format): EdgeRequest {
  request.uri = canonicalPath({ id: asked.id, rev: rev, size: asked.size, band: asked.band, format: format })
  request.querystring = {}
  request.cookies = {}
  request.headers = pick(request.headers, forwardedHeaders)
  return request
}

function parametersOf(fields: EdgeFields): QueryParameter[] {
  const parameters: QueryParameter[] = []
  for (const name in fields) {
    const field = fields[name]!
    if (field.multiValue === undefined) parameters.push({ name: name, value: field.value })
    else field.multiValue.forEach((each) => parameters.push({ name: name, value: each.value }))
  }
  return parameters
}

function urlLength(uri: string, query: QueryParameter[]): number {
  let length = uri.length
  for (let i = 0; i < query.length; i++) length += query[i]!.name.length + query[i]!.value.length + 2
  return length
}

/** All values of a header in one line, as RFC 9110 (5.3) joins them; '' if it is absent. */
function headerValue(headers: EdgeFields, name: string): string {
  const field = headers[name]
  if (field === undefined) return ''
  return field.multiValue === undefined ? field.value : field.multiValue.map((each) => each.value).join(',')
}

function pick(headers: EdgeFields, names: string[]): EdgeFields {
  const picked: EdgeFields = {}
  for (let i = 0; i < names.length; i++) {
    const field = headers[names[i]!]
    if (field !== undefined) picked[names[i]!] = field
  }
  return picked
}

function badRequest(code: string, detail: string): EdgeResponse {
  return refuse(400, 'Bad Request', code, detail)
}

function refuse(status: number, title: string, code: string, detail: string): EdgeResponse {
  return {
    statusCode: status,
    statusDescription: title,
    headers: {
      'content-type': { value: 'application/problem+json' },
      'cache-control': { value: 'no-store' },
    },
    body: {
      encoding: 'text',
      data: JSON.stringify({ type: 'about:blank', title: title, status: status, code: code, detail: detail }),
    },
  }
}
