import type { IncomingMessage } from 'node:http'

import type { EdgeFields, ViewerRequestEvent } from '../../edge/event.ts'

/**
 * Builds the event of a viewer request from the bytes of the request line: path and parameters stay as the viewer sent
 * them, percent-encoded. (`new URL` would normalise `%2e%2e` away.) Cookies stand in `cookies`, not in `headers`.
 *
 * Source: "CloudFront Functions event structure".
 */
export function viewerRequestEvent(
  message: Pick<IncomingMessage, 'method' | 'url' | 'rawHeaders' | 'socket'>,
  requestId: string,
): ViewerRequestEvent {
  const target = originForm(message.url ?? '/')
  const queryAt = target.indexOf('?')
  const headers = headerFields(message.rawHeaders)
  const cookies = cookieFields(headers['cookie'])
  delete headers['cookie']
  return {
    version: '1.0',
    context: { requestId },
    viewer: { ip: message.socket.remoteAddress ?? '' },
    request: {
      method: message.method ?? 'GET',
      uri: queryAt === -1 ? target : target.slice(0, queryAt),
      querystring: queryFields(queryAt === -1 ? '' : target.slice(queryAt + 1)),
      headers,
      cookies,
    },
  }
}

/** A proxy's request line carries a whole URL: "GET http://host/path HTTP/1.1". */
function originForm(url: string): string {
  if (url.startsWith('/')) return url
  const path = url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?]*/i, '')
  return path.startsWith('/') ? path : `/${path}`
}

function queryFields(query: string): EdgeFields {
  const fields = emptyFields()
  if (query === '') return fields
  for (const parameter of query.split('&')) {
    if (parameter === '') continue
    const equalsAt = parameter.indexOf('=')
    if (equalsAt === -1) add(fields, parameter, '')
    else add(fields, parameter.slice(0, equalsAt), parameter.slice(equalsAt + 1))
  }
  return fields
}

function headerFields(rawHeaders: readonly string[]): EdgeFields {
  const fields = emptyFields()
  for (let i = 0; i + 1 < rawHeaders.length; i += 2)
    add(fields, rawHeaders[i]!.toLowerCase(), rawHeaders[i + 1]!)
  return fields
}

function cookieFields(header: EdgeFields[string] | undefined): EdgeFields {
  const fields = emptyFields()
  for (const { value: line } of header === undefined ? [] : (header.multiValue ?? [header])) {
    for (const cookie of line.split(';')) {
      const equalsAt = cookie.indexOf('=')
      if (equalsAt > 0) add(fields, cookie.slice(0, equalsAt).trim(), cookie.slice(equalsAt + 1).trim())
    }
  }
  return fields
}

/** Without prototype, since names are the viewer's: `__proto__` is a name like any other. */
function emptyFields(): EdgeFields {
  return Object.create(null) as EdgeFields
}

/** A name that comes again makes `multiValue`; `value` stays the first. */
function add(fields: EdgeFields, name: string, value: string): void {
  const field = fields[name]
  if (field === undefined) fields[name] = { value }
  else (field.multiValue ??= [{ value: field.value }]).push({ value })
}
