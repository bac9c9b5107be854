import { isAbsolute } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ConfigError, loadLocalConfig } from './config.ts'

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
