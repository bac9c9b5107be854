import { isAbsolute } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ConfigError, loadLocalConfig, loadOriginConfig } from './config.ts'

describe('loadLocalConfig', () => {
  it('has a default for everything', () => {
    const config = loadLocalConfig({})
    expect(config).toMatchObject({ port: 4000, host: '127.0.0.1', corsOrigins: [] })
    expect(isAbsolute(config.dataDir)).toBe(true)
  })

  it('reads what is set', () => {
    const config = loadLocalConfig({
      PORT: '0',
      DATA_DIR: '/tmp/x',
      CORS_ORIGINS: 'https://a.test, https://b.test',
    })
    expect(config).toMatchObject({
      port: 0,
      dataDir: '/tmp/x',
      corsOrigins: ['https://a.test', 'https://b.test'],
    })
  })

  it('names every variable that is wrong', () => {
    const load = () => loadLocalConfig({ PORT: 'http', LOG_LEVEL: 'loud' })
    expect(load).toThrow(ConfigError)
    expect(load).toThrow(/PORT.*LOG_LEVEL/)
  })
})

describe('loadOriginConfig', () => {
  const lambda = {
    ORIGINALS_BUCKET: 'originals',
    VARIANTS_BUCKET: 'variants',
    IMAGES_TABLE: 'images',
    LEDGER_TABLE: 'ledger',
    AWS_REGION: 'eu-central-1',
    AWS_ACCESS_KEY_ID: 'key',
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_SESSION_TOKEN: 'token',
  }

  it('reads where the data is, and the credentials of the role', () => {
    expect(loadOriginConfig(lambda)).toEqual({
      originalsBucket: 'originals',
      variantsBucket: 'variants',
      table: 'images',
      ledgerTable: 'ledger',
      logLevel: 'info',
      region: 'eu-central-1',
      credentials: { accessKeyId: 'key', secretAccessKey: 'secret', sessionToken: 'token' },
      endpoints: { s3: undefined, dynamoDb: undefined },
    })
  })

  it('takes stand-ins for the services', () => {
    const { endpoints } = loadOriginConfig({
      ...lambda,
      AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:1',
      AWS_ENDPOINT_URL_DYNAMODB: 'http://127.0.0.1:2',
    })
    expect(endpoints).toEqual({ s3: 'http://127.0.0.1:1', dynamoDb: 'http://127.0.0.1:2' })
  })

  it('has no default for where the data is', () => {
    expect(() => loadOriginConfig({ AWS_REGION: 'eu-central-1' })).toThrow(
      /ORIGINALS_BUCKET.*VARIANTS_BUCKET.*IMAGES_TABLE.*LEDGER_TABLE.*AWS_ACCESS_KEY_ID/,
    )
  })
})
