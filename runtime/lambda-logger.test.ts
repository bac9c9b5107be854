import { createRequire } from 'node:module'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { createLambdaLogger as CreateLambdaLogger } from './lambda-logger.ts'

const require = createRequire(import.meta.url)

afterEach(() => {
  vi.doUnmock('pino')
  vi.resetModules()
})

/** As it is in this process, and as it is in a bundle. */
async function loaded(build: string): Promise<typeof CreateLambdaLogger> {
  vi.resetModules()
  if (build === 'for browsers') vi.doMock('pino', () => ({ default: require('pino/browser.js') as unknown }))
  return (await import('./lambda-logger.ts')).createLambdaLogger
}

describe.each(['for Node', 'for browsers'])('the log of a function, by pino %s', (build) => {
  it('has an object a line, with errors and their causes', async () => {
    const lines: string[] = []
    const log = (await loaded(build))('info', (line) => lines.push(line))
    const cause = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })
    log.error({ err: new TypeError('broken', { cause }), key: 'k' }, 'it failed')
    log.warn({ err: 'no error', a: { b: 1 } }, 'odd')
    log.info('%s of %d', 'one', 2)
    log.debug('not told')
    expect(lines.every((line) => line.endsWith('}\n'))).toBe(true)
    const [failed, odd, formatted] = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(lines).toHaveLength(3)
    expect(failed).toEqual({
      level: 50,
      time: expect.any(Number),
      key: 'k',
      msg: 'it failed',
      err: { type: 'TypeError', message: 'broken', stack: expect.stringMatching(/refused[^]*ECONNREFUSED/) },
    })
    expect(odd).toMatchObject({ level: 40, err: 'no error', a: { b: 1 }, msg: 'odd' })
    expect(formatted).toMatchObject({ level: 30, msg: 'one of 2' })
  })

  it('may be silent', async () => {
    const lines: string[] = []
    const log = (await loaded(build))('silent', (line) => lines.push(line))
    log.error('not told')
    expect(lines).toEqual([])
  })
})
