import { resolve } from 'node:path'
import en from 'zod/v4/locales/en.js'
// The image origin reads its settings while a viewer waits: see docs/cold-start.md.
import * as z from 'zod/mini'
import { _default as withDefault } from 'zod/mini'

// Which has no messages of its own.
z.config(en())

/** A setting that is absent or wrong. The message names the variable and what it should be. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

const name = z.string().check(z.minLength(1))
const port = z.coerce.number().check(z.int(), z.gte(0), z.lte(65_535))
const positive = z.coerce.number().check(z.int(), z.positive())
const list = z.pipe(
  z.string(),
  z.transform((text) =>
    text
      .split(',')
      .map((item) => item.trim())
      .filter(Boolean),
  ),
)

const logLevel = z.enum(['silent', 'error', 'warn', 'info', 'debug'])

const LocalEnvironment = z.object({
  PORT: withDefault(port, 4000),
  HOST: withDefault(z.string(), '127.0.0.1'),
  DATA_DIR: withDefault(name, '.data'),
  LOG_LEVEL: withDefault(logLevel, 'warn'),
  DYNAMODB_ENGINE: z.optional(z.enum(['dynamodb-local', 'dynalite'])),
  CORS_ORIGINS: z.optional(list),
  PRERENDER: withDefault(z.enum(['none', 'hot', 'all']), 'none'),
  UPLOADS_PER_MINUTE: withDefault(positive, 1000),
  UPLOADS_PER_HOUR: withDefault(positive, 10_000),
  CHANGES_PER_MINUTE: withDefault(positive, 5000),
})

/** Settings of the system on one machine. */
export interface LocalConfig {
  /** Of the front door; 0 takes a free one. The parts behind it always take free ports. */
  port: number
  host: string
  /** Absolute path of the folder that keeps all data. */
  dataDir: string
  logLevel: string
  /** Undefined: DynamoDB Local where a Java is found, else dynalite. */
  dynamoDbEngine: 'dynamodb-local' | 'dynalite' | undefined
  /** Origins of pages that may call the API besides the system's own page. */
  corsOrigins: string[]
  /** Which rungs of a new original are made before anyone asks for them. */
  prerender: 'none' | 'hot' | 'all'
  rateLimits: { uploadsPerMinute: number; uploadsPerHour: number; changesPerMinute: number }
}

/**
 * Reads the settings of the local system.
 *
 * Its rate limits are far above the deployed ones (10 uploads a minute, 100 an hour, 50 changes a minute): here one
 * developer's scripts play all users.
 *
 * @throws ConfigError naming each variable that is wrong
 */
export function loadLocalConfig(environment: NodeJS.ProcessEnv): LocalConfig {
  const given = parse(LocalEnvironment, environment)
  return {
    port: given.PORT,
    host: given.HOST,
    dataDir: resolve(given.DATA_DIR),
    logLevel: given.LOG_LEVEL,
    dynamoDbEngine: given.DYNAMODB_ENGINE,
    corsOrigins: given.CORS_ORIGINS ?? [],
    prerender: given.PRERENDER,
    rateLimits: {
      uploadsPerMinute: given.UPLOADS_PER_MINUTE,
      uploadsPerHour: given.UPLOADS_PER_HOUR,
      changesPerMinute: given.CHANGES_PER_MINUTE,
    },
  }
}

const OriginEnvironment = z.object({
  ORIGINALS_BUCKET: name,
  VARIANTS_BUCKET: name,
  IMAGES_TABLE: name,
  LEDGER_TABLE: name,
  LOG_LEVEL: withDefault(logLevel, 'info'),
  // What Lambda sets.
  AWS_REGION: name,
  AWS_ACCESS_KEY_ID: name,
  AWS_SECRET_ACCESS_KEY: name,
  AWS_SESSION_TOKEN: z.optional(name),
  // Stand-ins for the services, under the names that the SDK has for them.
  AWS_ENDPOINT_URL_S3: z.optional(z.url()),
  AWS_ENDPOINT_URL_DYNAMODB: z.optional(z.url()),
})

/** Settings of the image origin in Lambda. */
export interface OriginConfig {
  originalsBucket: string
  variantsBucket: string
  /** Of the image records. */
  table: string
  ledgerTable: string
  logLevel: string
  region: string
  /** Of the function's role. They hold as long as the process does: Lambda ends it before they expire. */
  credentials: { accessKeyId: string; secretAccessKey: string; sessionToken: string | undefined }
  /** Undefined: the service of the region. */
  endpoints: { s3: string | undefined; dynamoDb: string | undefined }
}

/**
 * Reads the settings of the image origin in Lambda.
 *
 * @throws ConfigError naming each variable that is wrong
 */
export function loadOriginConfig(environment: NodeJS.ProcessEnv): OriginConfig {
  const given = parse(OriginEnvironment, environment)
  return {
    originalsBucket: given.ORIGINALS_BUCKET,
    variantsBucket: given.VARIANTS_BUCKET,
    table: given.IMAGES_TABLE,
    ledgerTable: given.LEDGER_TABLE,
    logLevel: given.LOG_LEVEL,
    region: given.AWS_REGION,
    credentials: {
      accessKeyId: given.AWS_ACCESS_KEY_ID,
      secretAccessKey: given.AWS_SECRET_ACCESS_KEY,
      sessionToken: given.AWS_SESSION_TOKEN,
    },
    endpoints: { s3: given.AWS_ENDPOINT_URL_S3, dynamoDb: given.AWS_ENDPOINT_URL_DYNAMODB },
  }
}

function parse<Schema extends z.ZodMiniType>(
  schema: Schema,
  environment: NodeJS.ProcessEnv,
): z.output<Schema> {
  const result = schema.safeParse(environment)
  if (result.success) return result.data
  const faults = result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
  throw new ConfigError(`The environment is not usable. ${faults.join('; ')}`)
}
