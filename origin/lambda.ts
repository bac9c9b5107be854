import { Registry } from 'prom-client'
import { createBackground } from '../runtime/background.ts'
import { loadOriginConfig } from '../runtime/config.ts'
import { takeEmbeddedMetrics } from '../runtime/embedded-metrics.ts'
import { createStreamingHandler } from '../runtime/lambda-http.ts'
import { createLambdaLogger } from '../runtime/lambda-logger.ts'
import { loadSharp } from '../runtime/sharp.ts'
import { createLightDynamoDb } from '../stores/light-dynamodb.ts'
import { createLightLedger } from '../stores/light-ledger.ts'
import { createLightMetadataReader } from '../stores/light-metadata-reader.ts'
import { createLightObjectStore, type LightObjectStore } from '../stores/light-object-store.ts'
import { defaultLimits } from './limits.ts'
import { createRequestCounts } from './request-counts.ts'
import { createServeImage } from './serve-image.ts'

/*
 * The image origin in Lambda, behind a function URL. A viewer waits while this file is loaded: what it imports is
 * light, or is loaded when it is needed. See docs/cold-start.md before adding an import to it.
 */

const config = loadOriginConfig(process.env)
const { region, credentials, endpoints } = config
const log = createLambdaLogger(config.logLevel)
const metrics = new Registry()
const background = createBackground(log)
const dynamoDb = createLightDynamoDb({ region, credentials, endpoint: endpoints.dynamoDb })

const counts = createRequestCounts({
  ledger: createLightLedger({ dynamoDb, table: config.ledgerTable }),
  // Requests are counted where the CDN's log is read.
  queue: null,
  now: Date.now,
  log,
  metrics,
  background: background.run,
})

const serveImage = createServeImage({
  originals: openBucket(config.originalsBucket),
  variants: openBucket(config.variantsBucket),
  metadata: createLightMetadataReader({ dynamoDb, table: config.table }),
  loadSharp,
  limits: defaultLimits,
  log,
  metrics,
  counts,
  background: background.run,
})

export const handler = awslambda.streamifyResponse(
  createStreamingHandler({ serve: serveImage, settle: finishInvocation, log }),
)

function openBucket(bucket: string): LightObjectStore {
  return createLightObjectStore({ region, credentials, endpoint: endpoints.s3, bucket })
}

/** Nothing runs between two invocations: what the answer left to do is done now, and what it counted is told. */
async function finishInvocation(): Promise<void> {
  await background.drain()
  await counts.flush()
  for (const line of await takeEmbeddedMetrics(metrics, Date.now())) {
    process.stdout.write(`${JSON.stringify(line)}\n`)
  }
}
