import * as fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'

import { parseCanonicalPath } from '../../core/image-url.ts'
import { buildEdgeFunction } from '../build.ts'
import type { EdgeResponse } from '../event.ts'
import { differences } from '../testing/compare.ts'
import { type Answer, type ComparedServers, startComparedServers } from '../testing/compared-servers.ts'
import { findNginx, foundOrSkip } from '../testing/njs-tools.ts'
import {
  anyViewerRequest,
  get,
  requestTable,
  signingKeys,
  ulid,
  unencodedRequests,
  type ViewerRequest,
} from '../testing/viewer-requests.ts'

const generatedCount = 400
const nginx = findNginx()
let started: Promise<ComparedServers> | undefined

afterAll(async () => (await started)?.stop())

function servers(skip: (why: string) => never): Promise<ComparedServers> {
  const found = foundOrSkip(nginx, skip)
  started ??= buildEdgeFunction().then(({ code }) => startComparedServers(found, code, signingKeys))
  return started
}

async function compare(
  { fromNginx, fromLocalEdge }: ComparedServers,
  requests: readonly ViewerRequest[],
): Promise<void> {
  const expected: Answer[] = []
  const answered: Answer[] = []
  for (const request of requests) {
    expected.push(await fromLocalEdge(request))
    answered.push(await fromNginx(request))
  }
  expect(differences(requests, expected, answered)).toEqual([])
}

/** In few words; `itself` is a server that has not asked the function. */
function outcomeOf({ passedTo, refusal, result }: Answer): string {
  if (passedTo !== undefined) return `passed to ${passedTo}`
  const body = (result as EdgeResponse | undefined)?.body
  const who = body === undefined ? 'itself' : (JSON.parse(body.data) as { code: string }).code
  return `${refusal?.status} ${who}`
}

/** What both servers hand to the function: encoded as by a browser, no header twice that may be there once. */
function asBrowsersSend({ method, target, headers }: ViewerRequest): ViewerRequest {
  const [path = '', ...queries] = target.replaceAll(/[^!-~]/gu, encodeURIComponent).split('?')
  const decodable = path.replaceAll(/%(?!(?!00)[\da-f]{2})/gi, '%25')
  const isFirst = ([name]: readonly [string, string], at: number): boolean =>
    headers.findIndex(([other]) => other === name) === at
  return {
    method,
    target: [decodable, ...queries].join('?'),
    headers: headers
      .filter((header, at) => header[0] === 'Accept' || isFirst(header, at))
      .map(([name, value]): [string, string] => [name, value.replaceAll(/\p{Cc}/gu, '').trim()]),
  }
}

describe('the local edge and nginx, both with the built function', () => {
  it('answer every request of the table alike', async ({ skip }) => {
    await compare(await servers(skip), requestTable())
  })

  it(`answer ${generatedCount} generated requests alike`, async ({ skip }) => {
    const requests = fc.sample(anyViewerRequest(), { seed: 11, numRuns: generatedCount })
    await compare(await servers(skip), requests.map(asBrowsersSend))
  })

  const path = `/i/${ulid}`
  const passed = `passed to /v/${ulid}/_/1-w1960-q2.jpeg`
  const twice = (name: string): ViewerRequest => get(path, [name, 'a'], [name, 'b'])
  const by = (method: string): ViewerRequest => ({ method, target: path, headers: [] })

  // All of this is the servers' own doing, before the function is asked. What CloudFront does is not known here.
  it.for<[string, ViewerRequest, { nginx: string; local: string }]>([
    ['resolves dots in a path', get('/../x'), { nginx: '400 itself', local: '400 INVALID_PATH' }],
    ['decodes a path', get('/i/%zz'), { nginx: '400 itself', local: '400 INVALID_PATH' }],
    ['takes no NUL in a path', get('/i/%00'), { nginx: '400 itself', local: '400 INVALID_PATH' }],
    ['wants a slash first', get('*'), { nginx: '400 itself', local: '400 INVALID_PATH' }],
    ['never traces', by('TRACE'), { nginx: '405 itself', local: '405 METHOD_NOT_ALLOWED' }],
    ['wants one Host', twice('Host'), { nginx: '400 itself', local: passed }],
    ['wants a Host that is a name', get(path, ['Host', '']), { nginx: '400 itself', local: passed }],
    ['wants one If-None-Match', twice('If-None-Match'), { nginx: '400 itself', local: passed }],
    ['wants one If-Modified-Since', twice('If-Modified-Since'), { nginx: '400 itself', local: passed }],
    ['wants one If-Range', twice('If-Range'), { nginx: '400 itself', local: passed }],
    ['takes control characters', get(path, ['Range', 'a\u0010']), { nginx: passed, local: '400 itself' }],
    ['takes any method', by('XYZZY'), { nginx: '405 METHOD_NOT_ALLOWED', local: '400 itself' }],
    [
      'takes more than 16 KiB of headers',
      get(`${path}?`.padEnd(17_000, 'x')),
      { nginx: '400 URL_TOO_LONG', local: '431 itself' },
    ],
  ])('differ where nginx %s', async ([, request, expected], { skip }) => {
    const { fromNginx, fromLocalEdge } = await servers(skip)
    expect(outcomeOf(await fromLocalEdge(request))).toBe(expected.local)
    // Another version of nginx may have given up this way of its own.
    expect([expected.nginx, expected.local]).toContain(outcomeOf(await fromNginx(request)))
  })

  // Bytes beyond ASCII never pass Node's parser; njs reads them as UTF-8.
  it('make no key of characters that should have been encoded', async ({ skip }) => {
    const { fromNginx, fromLocalEdge } = await servers(skip)
    for (const request of unencodedRequests) {
      expect(outcomeOf(await fromLocalEdge(request))).toBe('400 itself')
      const { passedTo } = await fromNginx(request)
      if (passedTo !== undefined) expect(parseCanonicalPath(passedTo)).not.toBeNull()
    }
  })
})
