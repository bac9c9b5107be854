import type { NetConnectOpts } from 'node:net'

import { listen, startEdge, stop } from '../../local/edge/edge-server.fixture.ts'
import type { Origin } from '../../local/edge/origin.ts'
import { loadViewerRequest } from '../../local/edge/sandbox.ts'
import { viewerRequestEvent } from '../../local/edge/viewer-event.ts'
import { startNginx } from './nginx-server.ts'
import type { Nginx } from './njs-tools.ts'
import { type RawResponse, sendRaw } from './raw-http.ts'
import type { ViewerRequest } from './viewer-requests.ts'

/** nginx and the local edge, both with the same built function. */
export interface ComparedServers {
  fromNginx(request: ViewerRequest): Promise<Answer>
  fromLocalEdge(request: ViewerRequest): Promise<Answer>
  stop(): Promise<void>
}

/** What a viewer is answered, and what came before it. */
export interface Answer {
  /** the canonical path, where the request has gone on to the origin */
  readonly passedTo?: string
  /** the answer, where it has not */
  readonly refusal?: Refusal
  /** what the function has returned; nothing where the server has answered without asking it */
  readonly result?: unknown
}

interface Refusal {
  readonly status: number
  readonly contentType: string | undefined
  readonly cacheControl: string | undefined
  readonly contentLength: string | undefined
  readonly body: string
}

/**
 * Starts both.
 *
 * @param code the artefact's text
 * @param keys what is in the KeyValueStore
 */
export async function startComparedServers(
  tool: Nginx,
  code: string,
  keys: Readonly<Record<string, string>>,
): Promise<ComparedServers> {
  const kvs = new Map(Object.entries(keys))
  const nginx = await startNginx(tool, code, keys)
  const edge = await startEdge({ functionCode: code, kvs, origin: namingOrigin })
  const results = await listenForResults(code, kvs)
  return {
    async fromNginx(request) {
      const response = await sendRaw({ path: nginx.socket }, request)
      return answerOf(response, response.headers.get('x-edge-result'))
    },
    async fromLocalEdge(request) {
      const response = await sendRaw(addressOf(edge.baseUrl), request)
      const { headers } = await sendRaw(addressOf(results.baseUrl), request)
      return answerOf(response, headers.get('x-edge-result'))
    },
    async stop() {
      await nginx.stop()
      await edge.close()
      await stop(results.server)
    },
  }
}

/** An origin whose images say what their path is. */
const namingOrigin: Origin = async ({ path }) => ({
  status: 200,
  headers: [['X-Canonical-Path', path]],
  body: Buffer.from('the image'),
})

/** The local edge shows nobody what its function returns; so it is run once more, on events made by the same code. */
function listenForResults(code: string, kvs: ReadonlyMap<string, string>): ReturnType<typeof listen> {
  const run = loadViewerRequest({ code, kvs })
  return listen((req, res) => {
    void Promise.resolve(run(viewerRequestEvent(req, 'test'))).then((result) =>
      res.writeHead(200, ['X-Edge-Result', JSON.stringify(result)]).end(),
    )
  })
}

function answerOf({ status, headers, body }: RawResponse, result: string | undefined): Answer {
  const returned = result === undefined ? {} : { result: JSON.parse(result) as unknown }
  const passedTo = headers.get('x-canonical-path')
  if (passedTo !== undefined) return { passedTo, ...returned }
  const refusal = {
    status,
    contentType: headers.get('content-type'),
    cacheControl: headers.get('cache-control'),
    contentLength: headers.get('content-length'),
    body,
  }
  return { refusal, ...returned }
}

function addressOf(baseUrl: string): NetConnectOpts {
  const { hostname, port } = new URL(baseUrl)
  return { host: hostname, port: Number(port) }
}
