import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

import { parse } from 'acorn'
import { build } from 'esbuild'

import { assertRuntimeSyntax, runtimeModules } from './syntax-gate.ts'

/** CloudFront's quota: "Maximum function size: 10 KB" ("Quotas on CloudFront Functions"), as UTF-8. */
export const functionBytesMax = 10_240

export interface EdgeFunction {
  /** the artefact: what is deployed, what the local edge runs, and what the tests run */
  readonly code: string
  /** its size in UTF-8 */
  readonly bytes: number
}

export interface BuildEdgeFunctionOptions {
  /** path of the TypeScript source that exports `handler`; default `edge/viewer-request.ts` */
  readonly entry?: string
  /** path of the file to write; without it nothing is written */
  readonly outfile?: string
}

const defaultEntry = fileURLToPath(new URL('viewer-request.ts', import.meta.url))
const defaultOutfile = fileURLToPath(new URL('../dist/edge/viewer-request.js', import.meta.url))

/**
 * Builds the artefact for CloudFront Functions 2.0: bundle, lower, minify, gate.
 *
 * @throws {SyntaxGateError} when the artefact uses what the runtime lacks
 * @throws {Error} when esbuild can't lower the source, or when the artefact exceeds {@link functionBytesMax}
 */
export async function buildEdgeFunction(options: BuildEdgeFunctionOptions = {}): Promise<EdgeFunction> {
  const entry = options.entry ?? defaultEntry

  // Gated twice: the readable form so that an error names a useful line, the artefact because it is what runs.
  assertRuntimeSyntax(await bundle(entry, { minify: false }))
  const code = await bundle(entry, { minify: true })
  assertRuntimeSyntax(code)
  const bytes = assertFits(code)

  if (options.outfile !== undefined) {
    await mkdir(dirname(options.outfile), { recursive: true })
    await writeFile(options.outfile, code)
  }
  return { code, bytes }
}

/** @throws {Error} when the code is larger than {@link functionBytesMax} */
export function assertFits(code: string): number {
  const bytes = Buffer.byteLength(code)
  if (bytes > functionBytesMax) {
    throw new Error(`The edge function has ${bytes} bytes; CloudFront Functions takes ${functionBytesMax}`)
  }
  return bytes
}

async function bundle(entry: string, { minify }: { minify: boolean }): Promise<string> {
  const result = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es5',
    // On top of ES5.1, what the runtime documents; esbuild lowers the rest, or fails where it can't.
    supported: {
      arrow: true,
      'async-await': true,
      'const-and-let': true,
      'exponent-operator': true,
      'regexp-named-capture-groups': true,
      'rest-argument': true,
      'template-literal': true,
    },
    external: [...runtimeModules],
    minify,
    legalComments: 'none',
    logLevel: 'silent',
  })
  return exposeHandler(result.outputFiles[0]?.text ?? '', entry)
}

/** The runtime looks for a function with the name `handler` and knows no export. */
function exposeHandler(module: string, entry: string): string {
  const exported = /\s*export\s*\{\s*(?:([\w$]+)\s+as\s+)?handler\s*\};?\s*$/.exec(module)
  if (!exported) throw new Error(`${entry} must export a function handler, and nothing else`)
  const code = module.slice(0, exported.index)
  const shortName = exported[1]
  if (shortName === undefined) return code

  // Only the declaration is renamed: nothing calls the handler, and a leftover reference fails the globals gate.
  const { body } = parse(code, { ecmaVersion: 'latest', sourceType: 'module' })
  for (const node of body) {
    if (node.type !== 'FunctionDeclaration' || node.id.name !== shortName) continue
    return `${code.slice(0, node.id.start)}handler${code.slice(node.id.end)}`
  }
  throw new Error(`${entry} must declare the handler as a function: export function handler(event)`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { bytes } = await buildEdgeFunction({ outfile: defaultOutfile })
  const written = relative(process.cwd(), defaultOutfile)
  console.log(`${written}: ${bytes.toLocaleString('en')} of ${functionBytesMax.toLocaleString('en')} bytes`)
}
