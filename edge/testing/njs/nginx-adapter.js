/*
 * Runs in nginx's njs: makes a CloudFront event of the request, and of the handler's result an answer or an internal
 * redirect to the canonical path. Written apart from the local edge's own events on purpose: it is what those are
 * compared with.
 *
 * Every answer carries the handler's result in `X-Edge-Result`, and after a redirect nginx's idea of the path in
 * `X-Canonical-Path`. An answer without the former is nginx's own.
 */
export default function createAdapter(handler) {
  return { answer: answer }

  async function answer(r) {
    if (r.variables.edge_result) return deliver(r)
    const result = await handler(eventOf(r))
    r.variables.edge_result = JSON.stringify(result)
    if (result.statusCode === undefined) r.internalRedirect(result.uri)
    else respond(r, result)
  }

  function deliver(r) {
    r.headersOut['X-Edge-Result'] = r.variables.edge_result
    r.headersOut['X-Canonical-Path'] = r.uri
    r.return(200, 'the image')
  }

  function respond(r, response) {
    r.headersOut['X-Edge-Result'] = r.variables.edge_result
    for (const name in response.headers) r.headersOut[name] = response.headers[name].value
    r.return(response.statusCode, response.body.data)
  }

  function eventOf(r) {
    const target = r.variables.request_uri
    const mark = target.indexOf('?')
    const headers = {}
    r.rawHeadersIn.forEach(function (header) {
      if (header[0].toLowerCase() !== 'cookie') add(headers, header[0].toLowerCase(), header[1])
    })
    return {
      version: '1.0',
      context: { requestId: r.variables.request_id },
      viewer: { ip: r.remoteAddress },
      request: {
        method: r.method,
        uri: mark < 0 ? target : target.slice(0, mark),
        querystring: parametersOf(mark < 0 ? '' : target.slice(mark + 1)),
        headers: headers,
        cookies: {},
      },
    }
  }

  function parametersOf(query) {
    const parameters = {}
    query.split('&').forEach(function (pair) {
      const match = /^([^=]*)=?(.*)$/.exec(pair)
      if (pair !== '') add(parameters, match[1], match[2])
    })
    return parameters
  }

  function add(fields, name, value) {
    if (!Object.prototype.hasOwnProperty.call(fields, name)) {
      Object.defineProperty(fields, name, {
        value: { value: value },
        enumerable: true,
        writable: true,
        configurable: true,
      })
      return
    }
    const field = fields[name]
    if (field.multiValue === undefined) field.multiValue = [{ value: field.value }]
    field.multiValue.push({ value: value })
  }
}
