import { Registry } from 'prom-client'
import { defaultLimits } from '../../origin/limits.ts'
import { createRequestCounts } from '../../origin/request-counts.ts'
import { createServeImage } from '../../origin/serve-image.ts'
import { createBackground } from '../../runtime/background.ts'
import { loadOriginConfig } from '../../runtime/config.ts'
import { createStreamingHandler } from '../../runtime/lambda-http.ts'
import { createLambdaLogger } from '../../runtime/lambda-logger.ts'
import { loadSharp } from '../../runtime/sharp.ts'
import { createDynamoLedger } from '../../stores/dynamo-ledger.ts'
import { createDynamoMetadataStore } from '../../stores/dynamo-metadata-store.ts'
import { createS3ObjectStore } from '../../stores/s3-object-store.ts'
import { dynamoDbClient, s3Client } from './sdk-clients.ts'

/* origin/lambda.ts as it would be with the SDK's clients. */

const config = loadOriginConfig(process.env)
const log = createLambdaLogger(config.logLevel)
const metrics = new Registry()
const background = createBackground(log)
const client = dynamoDbClient(config)
const s3 = s3Client(config)

const counts = createRequestCounts({
  ledger: createDynamoLedger({ client, table: config.ledgerTable }),
  queue: null,
  now: Date.now,
  log,
  metrics,
  background: background.run,
})

const serve = createServeImage({
  originals: createS3ObjectStore({ client: s3, bucket: config.originalsBucket }),
  variants: createS3ObjectStore({ client: s3, bucket: config.variantsBucket }),
  metadata: createDynamoMetadataStore({ client, table: config.table }),
  loadSharp,
  limits: defaultLimits,
  log,
  metrics,
  counts,
  background: background.run,
})

export const handler = awslambda.streamifyResponse(
  createStreamingHandler({ serve, settle: () => background.drain(), log }),
)
