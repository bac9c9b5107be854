import type { RequestListener } from 'node:http'
import { createLocalJWKSet } from 'jose'
import type { Logger } from 'pino'
import { collectDefaultMetrics, Registry } from 'prom-client'
import { type ApiDependencies, defaultLimits } from '../api/dependencies.ts'
import { memoryRateLimits } from '../api/rate-limits.ts'
import { createApi } from '../api/router.ts'
import type { SigningKey } from '../api/sign.ts'
import { createTidy } from '../api/tidy.ts'
import { createUploads } from '../api/uploads.ts'
import { storedKeyName } from '../core/signature.ts'
import { buildEdgeFunction } from '../edge/build.ts'
import { defaultLimits as defaultOriginLimits } from '../origin/limits.ts'
import { createBackground } from '../runtime/background.ts'
import type { LocalConfig } from '../runtime/config.ts'
import { loadSharp } from '../runtime/sharp.ts'
import { takeDataDir } from './data-dir.ts'
import { createDevTokens, devAudience, devIssuer } from './dev-tokens.ts'
import { createEdge } from './edge/edge-server.ts'
import { httpOrigin } from './edge/http-origin.ts'
import { createOriginGroup } from './edge/origin-group.ts'
import { s3Origin } from './edge/s3-origin.ts'
import { startEmbeddedStores } from './embedded-stores.ts'
import { createFrontDoor } from './front-door.ts'
import { answers, type Part, reportHealth } from './health.ts'
import { listen } from './http-server.ts'
import { type ImageOrigin, startImageOrigin } from './image-origin.ts'
import { createPage } from './page.ts'
import { localCredentials, localRegion, variantsBucket } from './parts.ts'
import { startPurge } from './purge.ts'
import { startTidyLoop } from './tidy-loop.ts'

export interface System {
  /** Address of the front door. */
  url: string
  parts: readonly Part[]
  /** What the embedded DynamoDB can't do. */
  missing: readonly string[]
  /** Takes no more requests, finishes those under way and what they began, then ends all parts. */
  stop(): Promise<void>
}

type OnStop = (close: () => Promise<void>) => void

/**
 * Starts the whole system in this process: embedded stores, image origin, API, edge and page behind one address.
 *
 * @throws DataDirInUse if another process works on the same data
 */
export async function startSystem(config: LocalConfig, log: Logger): Promise<System> {
  const opened: (() => Promise<void>)[] = []
  const closeAll = async (): Promise<void> => {
    for (let close = opened.pop(); close !== undefined; close = opened.pop()) await close()
  }
  try {
    return await start(config, log, (close) => opened.push(close), closeAll)
  } catch (error) {
    await closeAll()
    throw error
  }
}

async function start(
  config: LocalConfig,
  log: Logger,
  onStop: OnStop,
  closeAll: () => Promise<void>,
): Promise<System> {
  onStop(await takeDataDir(config.dataDir))
  const startedAt = Date.now()
  const background = createBackground(log)
  const metrics = new Registry()
  collectDefaultMetrics({ register: metrics })

  // The door opens first, because its port is part of every URL that the parts behind it make.
  let enter: RequestListener = answerStarting
  const door = await listen((request, response) => enter(request, response), config.port, config.host)
  onStop(door.close)
  const url = `http://${nameOf(config.host)}:${door.port}`

  // The stores come before what completes uploads; until then nobody can put a file.
  let completeUpload = (_imageId: string): Promise<unknown> => Promise.resolve()
  const stores = await startEmbeddedStores({
    ...config,
    uploadOrigins: [url, `http://127.0.0.1:${door.port}`, ...config.corsOrigins],
    onObjectEvent: ({ eventName, s3 }) => {
      const imageId = /^pending\/([^/]+)$/.exec(decodeURIComponent(s3.object.key))?.[1]
      if (imageId === undefined || !eventName.startsWith('ObjectCreated:')) return
      background.run(completeUpload(imageId))
    },
    log,
    onStop,
  })
  // Between the stores and what needs them: jobs that end last leave work behind.
  onStop(background.drain)
  const { originals, variants, metadata, ledger } = stores
  const shared = {
    originals,
    variants,
    metadata,
    ledger,
    loadSharp,
    log,
    metrics,
    background: background.run,
  }

  const { dataDir } = config
  const origin = await startImageOrigin({ ...shared, limits: defaultOriginLimits, dataDir, onStop })

  const devTokens = await createDevTokens(config.dataDir)
  const signingKey: SigningKey = { name: 'a', secret: devTokens.urlSecret }
  const edge = await startEdge({ s3Url: stores.s3Url, origin, signingKey, log, onStop })
  const apiDependencies: ApiDependencies = {
    ...shared,
    tokenKeys: createLocalJWKSet(devTokens.jwks),
    issuer: devIssuer,
    audience: devAudience,
    purge: await startPurge(edge, onStop),
    prerender: async (imageId) => {
      const rungs = config.prerender
      if (rungs !== 'none') await origin.queue.send([{ kind: 'prerender', imageId, rungs }])
    },
    cdnUrl: url,
    signingKey,
    cursorSecret: devTokens.cursorSecret,
    limits: defaultLimits,
    rateLimits: memoryRateLimits(config.rateLimits),
    corsOrigins: config.corsOrigins,
    retainOriginals: false,
    now: Date.now,
  }
  onStop(await startTidyLoop(createTidy(apiDependencies), startedAt, log))
  completeUpload = createUploads(apiDependencies).complete

  const parts: Part[] = [
    { name: 'page', where: url, check: () => Promise.resolve() },
    { name: 'API', where: `${url}/images (${url}/docs)`, check: () => Promise.resolve() },
    { name: 'edge', where: `${url}/i/<image id>`, check: () => Promise.resolve() },
    { name: 'image origin', where: origin.url, check: () => answers(origin.url) },
    ...stores.parts,
  ]
  enter = createFrontDoor({
    page: await createPage(),
    api: createApi(apiDependencies),
    devTokens: devTokens.handle,
    health: () => reportHealth(parts),
    edge: edge.handle,
  })
  return {
    url,
    parts,
    missing: stores.missing,
    async stop() {
      await door.close()
      await background.drain()
      await closeAll()
    },
  }
}

async function startEdge({
  s3Url,
  origin,
  signingKey,
  log,
  onStop,
}: {
  s3Url: string
  origin: ImageOrigin
  signingKey: SigningKey
  log: Logger
  onStop: OnStop
}) {
  const edge = createEdge({
    functionCode: (await buildEdgeFunction()).code,
    kvs: new Map([[storedKeyName(signingKey.name), signingKey.secret]]),
    origin: createOriginGroup({
      primary: s3Origin({
        endpoint: s3Url,
        bucket: variantsBucket,
        region: localRegion,
        ...localCredentials,
      }),
      secondary: httpOrigin({ baseUrl: origin.url }),
    }),
    onAnswer: origin.onAnswer,
    log: (message) => log.warn({ part: 'edge' }, message),
  })
  onStop(async () => edge.close())
  return edge
}

/** How a browser on this machine names the address that the door listens on. */
function nameOf(host: string): string {
  return ['127.0.0.1', '0.0.0.0', '::'].includes(host) ? 'localhost' : host
}

const answerStarting: RequestListener = (_request, response) => {
  response.writeHead(503, { 'content-type': 'application/json', 'retry-after': '1' })
  response.end('{"status":"starting"}')
}
