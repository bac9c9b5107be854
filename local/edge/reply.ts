import { randomBytes } from 'node:crypto'
import type { ServerResponse } from 'node:http'

import type { EdgeFields, EdgeResponse } from '../../edge/event.ts'
import { isNotModified, type Conditions } from './conditional.ts'
import type { Entry } from './entry.ts'
import { ageSeconds } from './freshness.ts'
import { byteRange } from './range.ts'
import type { Outcome } from './tier.ts'

/** What a viewer asked for, as far as the answer depends on it; headers as the edge function left them. */
export interface ViewerConditions extends Conditions {
  readonly isHead: boolean
  readonly range: string | null
  readonly ifRange: string | null
}

export interface ReplyOptions {
  /** the response headers policy, for answers that do not come from the cache */
  readonly responseHeaders: Readonly<Record<string, string>>
  readonly now: () => number
}

/** Writes answers as CloudFront does. Every method is synchronous. */
export interface Reply {
  /** `requestId` becomes `X-Amz-Cf-Id`. */
  entry(
    res: ServerResponse,
    conditions: ViewerConditions,
    entry: Entry,
    outcome: Outcome,
    requestId: string,
  ): void
  functionResponse(res: ServerResponse, response: EdgeResponse, isHead: boolean, requestId: string): void
  /** An answer of CloudFront's own; `xCache` such as `Error`. */
  failure(res: ServerResponse, status: number, message: string, xCache: string, requestId: string): void
}

const edgeId = randomBytes(7).toString('hex')

/** The `Via` that CloudFront adds, to viewers and to origins. */
export const via = `1.1 ${edgeId}.cloudfront.net (CloudFront)`

/** The edge location; its name starts with an airport's code on AWS. */
const edgeLocation = 'LOCAL1-P1'

const noBody = Buffer.alloc(0)

export function createReply({ responseHeaders, now }: ReplyOptions): Reply {
  const policyHeaders = Object.entries(responseHeaders).flat()

  return { entry: replyWithEntry, functionResponse, failure }

  function replyWithEntry(
    res: ServerResponse,
    conditions: ViewerConditions,
    entry: Entry,
    outcome: Outcome,
    requestId: string,
  ): void {
    const headers = entry.headers.concat(edgeHeaders(`${outcome} from cloudfront`, requestId))
    const age = ageSeconds(entry, now())
    if (outcome === 'Hit' || age > 0) headers.push('Age', String(age))
    if (entry.status !== 200) return send(res, entry.status, headers, conditions.isHead ? noBody : entry.body)
    if (isNotModified(conditions, entry)) return send(res, 304, without(headers, contentHeaders), noBody)
    if (conditions.isHead) return send(res, 200, headers, noBody)

    const range = byteRange(conditions.range, entry.body.length, conditions.ifRange, entry)
    switch (range.kind) {
      case 'full':
        return send(res, 200, headers, entry.body)
      case 'part': {
        const part = without(headers, contentLength)
        part.push('Content-Length', String(range.last - range.first + 1))
        part.push('Content-Range', `bytes ${range.first}-${range.last}/${entry.body.length}`)
        return send(res, 206, part, entry.body.subarray(range.first, range.last + 1))
      }
      case 'unsatisfiable': {
        const refusal = without(headers, contentHeaders)
        refusal.push('Content-Length', '0', 'Content-Range', `bytes */${entry.body.length}`)
        return send(res, 416, refusal, noBody)
      }
    }
  }

  function functionResponse(
    res: ServerResponse,
    response: EdgeResponse,
    isHead: boolean,
    requestId: string,
  ): void {
    const body = bodyOf(response)
    const overridden = new Set(policyHeaders.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase()))
    overridden.add('content-length')
    const headers = without(flatFields(response.headers), overridden)
    headers.push(...policyHeaders, 'Content-Length', String(body.length))
    headers.push(...edgeHeaders('FunctionGeneratedResponse from cloudfront', requestId))
    if (/^[ -~]+$/.test(response.statusDescription)) res.statusMessage = response.statusDescription
    send(res, response.statusCode, headers, isHead ? noBody : body)
  }

  function failure(
    res: ServerResponse,
    status: number,
    message: string,
    xCache: string,
    requestId: string,
  ): void {
    const body = Buffer.from(`${message}\n`)
    const headers = [...policyHeaders, 'Content-Type', 'text/plain', 'Content-Length', String(body.length)]
    headers.push(...edgeHeaders(`${xCache} from cloudfront`, requestId))
    send(res, status, headers, body)
  }
}

const contentLength = new Set(['content-length'])
const contentHeaders = new Set(['content-length', 'content-type', 'content-encoding', 'content-range'])

function edgeHeaders(xCache: string, requestId: string): string[] {
  return ['X-Cache', xCache, 'Via', via, 'X-Amz-Cf-Pop', edgeLocation, 'X-Amz-Cf-Id', requestId]
}

function send(res: ServerResponse, status: number, headers: string[], body: Buffer): void {
  // The viewer may be gone by now.
  if (res.destroyed || res.writableEnded) return
  try {
    res.writeHead(status, headers)
    res.end(body)
  } catch {
    // A function or an origin in this process gave a header that HTTP can't carry.
    res.destroy()
  }
}

function without(headers: readonly string[], names: ReadonlySet<string>): string[] {
  const kept: string[] = []
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (!names.has(headers[i]!.toLowerCase())) kept.push(headers[i]!, headers[i + 1]!)
  }
  return kept
}

function flatFields(fields: EdgeFields): string[] {
  const flat: string[] = []
  for (const name of Object.keys(fields)) {
    const field = fields[name]!
    for (const { value } of field.multiValue ?? [field]) flat.push(name, value)
  }
  return flat
}

function bodyOf({ body }: EdgeResponse): Buffer {
  return body === undefined ? noBody : Buffer.from(body.data, body.encoding === 'base64' ? 'base64' : 'utf8')
}
