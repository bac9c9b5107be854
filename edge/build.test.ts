import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { assertFits, buildEdgeFunction, functionBytesMax } from './build.ts'
import { SyntaxGateError } from './syntax-gate.ts'

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'edge-build-'))
})
afterAll(() => rm(directory, { recursive: true }))

async function source(text: string): Promise<string> {
  const entry = join(directory, 'function.ts')
  await writeFile(entry, text)
  return entry
}

describe('buildEdgeFunction', () => {
  it('lowers what esbuild can lower, and keeps what the runtime has', async () => {
    const entry = await source(`
      interface Event { request: { uri: string; headers: Record<string, { value: string }> } }
      const greeting: string = 'hello'
      export async function handler(event: Event): Promise<unknown> {
        const accept = event.request.headers['accept']?.value ?? 'none'
        const answer = { accept, later: await Promise.resolve(\`\${greeting} \${accept}\`) }
        return answer
      }`)
    const { code, bytes } = await buildEdgeFunction({ entry })
    expect(code).toMatch(/async function handler\(\w+\)/)
    expect(code).not.toMatch(/\?\?|\?\.|export|interface/)
    expect(bytes).toBe(Buffer.byteLength(code))
  })

  it('keeps the name of the handler, whatever names the minifier gives', async () => {
    const entry = await source(`
      const step = (n: number): number => n + 1
      function first(n: number): number { function inner(): number { return step(n) } return inner() }
      export function handler(event: { n: number }): number { return first(event.n) + step(event.n) }`)
    const { code } = await buildEdgeFunction({ entry })
    const run = new Function(`${code}; return handler({ n: 1 })`) as () => number
    expect(run()).toBe(4)
  })

  it('keeps the imports of the built-in modules as default imports', async () => {
    const entry = await source(`
      // @ts-nocheck
      import cf from 'cloudfront'
      import crypto from 'crypto'
      const kvs = cf.kvs()
      export async function handler(event) {
        const key = await kvs.get('key')
        return crypto.createHmac('sha256', key).update(event.request.uri).digest('hex')
      }`)
    const { code } = await buildEdgeFunction({ entry })
    expect(code).toMatch(/import \w+ from"cloudfront";import \w+ from"crypto";/)
  })

  it('writes the artefact', async () => {
    const outfile = join(directory, 'dist', 'edge', 'function.js')
    const entry = await source('export function handler(event: unknown) { return event }')
    const { code } = await buildEdgeFunction({ entry, outfile })
    expect(await readFile(outfile, 'utf8')).toBe(code)
  })

  it.each([
    ['spread in a call', 'Math.max(...event.list)'],
    ['new Map', 'new Map().get(event)'],
    ['await in an argument', 'String(await event.promise)'],
    ['a global of the browser', 'fetch(event.url)'],
  ])('refuses %s, which esbuild lets pass', async (_, expression) => {
    const entry = await source(
      `export async function handler(event: any) { await event.promise; return ${expression} }`,
    )
    await expect(buildEdgeFunction({ entry })).rejects.toThrow(SyntaxGateError)
  })

  it.each([
    ['destructuring', 'const { a } = event; return a'],
    ['for-of', 'for (const a of event.list) return a'],
    ['class', 'class A {} return new A()'],
  ])('refuses %s', async (_, body) => {
    const entry = await source(`export function handler(event: any) { ${body} }`)
    await expect(buildEdgeFunction({ entry })).rejects.toThrow()
  })

  it('refuses a source that exports no handler, another thing, or a handler that is no function', async () => {
    for (const text of [
      'export function other() {}',
      'export function handler() {} export const more = 1',
      'export const handler = () => 1',
    ]) {
      await expect(buildEdgeFunction({ entry: await source(text) })).rejects.toThrow(/handler/)
    }
  })

  it('refuses an artefact over the quota and writes nothing', async () => {
    const outfile = join(directory, 'too-large.js')
    const entry = await source(`export function handler() { return '${'x'.repeat(functionBytesMax)}' }`)
    await expect(buildEdgeFunction({ entry, outfile })).rejects.toThrow(/takes 10240/)
    await expect(readFile(outfile)).rejects.toThrow(/ENOENT/)
  })
})

describe('assertFits', () => {
  it('takes exactly the quota and counts bytes, not characters', () => {
    expect(assertFits('x'.repeat(functionBytesMax))).toBe(functionBytesMax)
    expect(() => assertFits('x'.repeat(functionBytesMax + 1))).toThrow(/10241 bytes/)
    expect(() => assertFits('é'.repeat(functionBytesMax / 2 + 1))).toThrow(/10242 bytes/)
  })
})
