import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { assertAllowed, assertSmall, buildClient, entries, type EntryName, type EntrySize } from './build.ts'

const tsc = fileURLToPath(new URL('../node_modules/.bin/tsc', import.meta.url))
let app: string
let sizes: EntrySize[]

/** An app with the package in its node_modules. */
beforeAll(async () => {
  app = await mkdtemp(join(tmpdir(), 'tintype-app-'))
  sizes = await buildClient(join(app, 'package'))
  const installed = join(app, 'node_modules/@tintype/client')
  await mkdir(dirname(installed), { recursive: true })
  await symlink(join(app, 'package'), installed)
})

afterAll(() => rm(app, { recursive: true, force: true }))

/** What a program prints that plain Node runs in the app. */
async function run(code: string): Promise<string> {
  const path = join(app, 'program.mjs')
  await writeFile(path, code)
  return (await promisify(execFile)(process.execPath, [path])).stdout.trim()
}

/** What tsc says of a file in the app. */
async function check(code: string, ...parameters: string[]): Promise<string> {
  await writeFile(join(app, 'program.ts'), code)
  const strict = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess']
  const environment = ['--types', '', '--lib', 'es2022,dom,dom.iterable', '--target', 'es2022']
  const all = [...strict, ...environment, ...parameters, 'program.ts']
  return promisify(execFile)(tsc, all, { cwd: app }).then(
    ({ stdout }) => stdout,
    (error: { stdout: string }) => error.stdout,
  )
}

describe('the package', () => {
  it('runs without a build of the app', async () => {
    const printed = await run(`
      import { createImageUrls } from '@tintype/client'
      import { createNextLoader } from '@tintype/client/next'
      import { transform } from '@tintype/client/unpic'
      import { ApiProblem, createApiClient } from '@tintype/client/api'
      const id = '01JD0R3XW6ZQJ5Y5T1V9N4K8MH'
      console.log(createImageUrls({ baseUrl: '' }).src({ id }, { width: 600 }))
      console.log(createNextLoader({ baseUrl: '' })({ src: id, width: 600 }))
      console.log(transform(id, { width: 600 }))
      const fetch = async () => new Response('', { status: 502 })
      const problem = await createApiClient({ baseUrl: '', token: '', fetch }).list().catch((error) => error)
      console.log(problem instanceof ApiProblem)
    `)
    const url = '/i/01JD0R3XW6ZQJ5Y5T1V9N4K8MH?w=640'
    expect(printed.split('\n')).toEqual([url, url, url, 'true'])
  })

  it.each([
    ['a bundler', ['--module', 'esnext', '--moduleResolution', 'bundler']],
    ['Node', ['--module', 'nodenext']],
  ])('has types, for an app of %s', async (_, parameters) => {
    const program = `
      import { createImageUrls } from '@tintype/client'
      import { createNextLoader } from '@tintype/client/next'
      import { transform } from '@tintype/client/unpic'
      import { createApiClient, type Image } from '@tintype/client/api'
      export const show = (image: Image): string => createImageUrls({ baseUrl: '' }).src(image, { width: 640 })
      export const url: string = createNextLoader({ baseUrl: '' })({ src: '', width: 1 }) + transform('', {})
      export const page = createApiClient({ baseUrl: '', token: '' }).list()
    `
    expect(await check(program, ...parameters)).toBe('')
    const wrong = `import { createImageUrls } from '@tintype/client'\ncreateImageUrls({ baseUrl: 1 })`
    expect(await check(wrong, ...parameters)).toContain('TS2322')
  })

  it('gives each door its own code only', async () => {
    const bundle = (name: EntryName): Promise<string> => readFile(join(app, 'package', `${name}.js`), 'utf8')
    expect(await bundle('index')).toContain('21:9')
    expect(await bundle('index')).not.toMatch(/if-match|INVALID_WIDTH/)
    expect(await bundle('api')).toContain('if-match')
    expect(await bundle('api')).not.toContain('21:9')
    for (const name of Object.keys(entries)) expect(await bundle(name as EntryName)).not.toMatch(/^import /m)
  })
})

describe('the gates', () => {
  it('let the package pass, and nothing that is one byte too large', () => {
    expect(sizes.map(({ name }) => name)).toEqual(Object.keys(entries))
    expect(() => assertSmall(sizes)).not.toThrow()
    const atLimit = { name: 'index', minified: 9999, gzipped: entries.index.bytesMax } as const
    expect(entries.index.bytesMax).toBe(3072)
    expect(() => assertSmall([atLimit])).not.toThrow()
    expect(() => assertSmall([{ ...atLimit, gzipped: 3073 }])).toThrow('client/index.ts has 3073 of 3072')
  })

  it('measure what a bundler of an app would send', () => {
    for (const { minified, gzipped } of sizes) {
      expect(minified).toBeGreaterThan(1000)
      expect(gzipped).toBeLessThan(minified)
    }
  })

  it.each(['node_modules/zod/index.js', 'core/image.ts', 'api/image-view.ts', 'client/testing/x.ts'])(
    'stop %s',
    (source) => {
      expect(() => assertAllowed(['client/index.ts', 'core/ladder.ts', source])).toThrow(source)
    },
  )
})
