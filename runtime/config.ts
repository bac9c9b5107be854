import { resolve } from 'node:path'
import { z } from 'zod'

/** A setting that is absent or wrong. The message names the variable and what it should be. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

const port = z.coerce.number().int().min(0).max(65_535)
const positive = z.coerce.number().int().positive()
const list = z.string().transform((text) =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean),
)

const LocalEnvironment = z.object({
  PORT: port.default(4000),
  HOST: z.string().default('127.0.0.1'),
  DATA_DIR: z.string().min(1).default('.data'),
  LOG_LEVEL: z.enum(['silent', 'error', 'warn', 'info', 'debug']).default('warn'),
  DYNAMODB_ENGINE: z.enum(['dynamodb-local', 'dynalite']).optional(),
  CORS_ORIGINS: list.optional(),
  UPLOADS_PER_MINUTE: positive.default(1000),
  UPLOADS_PER_HOUR: positive.default(10_000),
  CHANGES_PER_MINUTE: positive.default(5000),
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
    rateLimits: {
      uploadsPerMinute: given.UPLOADS_PER_MINUTE,
      uploadsPerHour: given.UPLOADS_PER_HOUR,
      changesPerMinute: given.CHANGES_PER_MINUTE,
    },
  }
}

function parse<Schema extends z.ZodType>(schema: Schema, environment: NodeJS.ProcessEnv): z.output<Schema> {
  const result = schema.safeParse(environment)
  if (result.success) return result.data
  const faults = result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
  throw new ConfigError(`The environment is not usable. ${faults.join('; ')}`)
}
