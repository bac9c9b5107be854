import type { IncomingMessage } from 'node:http'

import * as fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'

import { parseCanonicalPath } from '../../core/image-url.ts'
import { loadViewerRequest } from '../../local/edge/sandbox.ts'
import { viewerRequestEvent } from '../../local/edge/viewer-event.ts'
import { buildEdgeFunction } from '../build.ts'
import type { EdgeRequest, EdgeResponse, ViewerRequestEvent } from '../event.ts'
import { differences } from '../testing/compare.ts'
import { findNjs, foundOrSkip } from '../testing/njs-tools.ts'
import { runInNjs } from '../testing/run-in-njs.ts'
import {
  anyViewerRequest,
  get,
  requestTable,
  signingKeys,
  ulid,
  unencodedRequests,
  type ViewerRequest,
} from '../testing/viewer-requests.ts'

type Result = EdgeRequest | EdgeResponse

const generatedCount = 3000
const njs = findNjs()
let code: string

beforeAll(async () => {
  ;({ code } = await buildEdgeFunction())
})

function eventOf({ method, target, headers }: ViewerRequest): ViewerRequestEvent {
  const socket = { remoteAddress: '127.0.0.1' } as IncomingMessage['socket']
  return viewerRequestEvent({ method, url: target, rawHeaders: headers.flat(), socket }, 'test')
}

async function inSandbox(events: readonly ViewerRequestEvent[], keys = signingKeys): Promise<Result[]> {
  const run = loadViewerRequest({ code, kvs: new Map(Object.entries(keys)) })
  const results: Result[] = []
  for (const event of events) results.push(await run(event))
  return results
}

/** The problem's code of what is refused; `passed` for what goes on. */
function outcomeOf(result: Result): string {
  return 'statusCode' in result ? (JSON.parse(result.body!.data) as { code: string }).code : 'passed'
}

describe('the built edge function in njs', () => {
  it('answers every request of the table as in the sandbox', async ({ skip }) => {
    const program = foundOrSkip(njs, skip)
    const events = [...requestTable(), ...unencodedRequests].map(eventOf)
    const answered = await runInNjs({ program, code, keys: signingKeys, events })
    expect(differences(events, await inSandbox(events), answered)).toEqual([])
  })

  it(`answers ${generatedCount} generated requests as in the sandbox`, async ({ skip }) => {
    const program = foundOrSkip(njs, skip)
    const requests = fc.sample(anyViewerRequest(), { seed: 7, numRuns: generatedCount })
    const events = requests.map(eventOf)
    const answered = await runInNjs({ program, code, keys: signingKeys, events })
    expect(differences(events, await inSandbox(events), answered)).toEqual([])
  })

  it('takes nothing for signed when its store has no key', async ({ skip }) => {
    const program = foundOrSkip(njs, skip)
    const events = requestTable()
      .filter(({ target }) => target.startsWith('/p/'))
      .map(eventOf)
    const answered = await runInNjs({ program, code, keys: {}, events })
    expect(differences(events, await inSandbox(events, {}), answered)).toEqual([])
    expect(answered.map((result) => outcomeOf(result as Result))).not.toContain('passed')
  })

  // njs maps this one capital to a plain i, V8 to an i with a dot. No URL that means something has it.
  it('may take U+0130 for an i, but makes no other key of it', async ({ skip }) => {
    const program = foundOrSkip(njs, skip)
    const events = [
      get(`/i/${ulid}?fit=\u0130nside`),
      get(`/i/${ulid}?q=med\u0130um`),
      get(`/i/${ulid}?f=av\u0130f`),
      get(`/i/${ulid}?w\u0130=1`),
      get(`/i/${ulid}`, ['Accept', '\u0130mage/avif']),
    ].map(eventOf)
    const answered = (await runInNjs({ program, code, keys: signingKeys, events })) as Result[]
    for (const result of answered) {
      if ('uri' in result) expect(parseCanonicalPath(result.uri)).not.toBeNull()
      else expect(result.statusCode).toBe(400)
    }
  })
})

describe('the requests that are compared', () => {
  it('come to every outcome, and to hundreds of keys', async () => {
    const events = fc.sample(anyViewerRequest(), { seed: 7, numRuns: generatedCount }).map(eventOf)
    const results = await inSandbox(events)
    expect(new Set(results.map(outcomeOf))).toEqual(
      new Set(
        `passed METHOD_NOT_ALLOWED URL_TOO_LONG INVALID_PATH INVALID_REVISION INVALID_QUALITY INVALID_FORMAT
         INVALID_WIDTH INVALID_HEIGHT INVALID_DPR INVALID_RATIO INVALID_FIT UNKNOWN_PRESET PRESET_WITH_SIZE
         HEIGHT_WITHOUT_WIDTH DUPLICATE_PARAMETER SIGNATURE_MISSING SIGNATURE_INVALID SIGNATURE_EXPIRED
         SIGNATURE_TOO_NARROW`.split(/\s+/),
      ),
    )
    const keys = results.flatMap((result) => ('uri' in result ? [result.uri] : []))
    expect(new Set(keys).size).toBeGreaterThan(200)
    for (const key of keys) expect(parseCanonicalPath(key)).not.toBeNull()
  })
})
