import { mkdir, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build, type BuildOptions, type Metafile, type Plugin } from 'esbuild'

/*
 * Builds the functions that run in Lambda: `npm run build:lambda` makes dist/lambda/. What a bundle holds is read and
 * compiled at every cold start, while a viewer waits, so each has a bound: see docs/cold-start.md.
 */

const repository = fileURLToPath(new URL('..', import.meta.url))

/** Functions with the bytes that each may have. */
export const functions = {
  origin: { entry: 'origin/lambda.ts', bytesMax: 144 * 1024 },
} as const
export type FunctionName = keyof typeof functions

/** Packages that are installed beside a bundle: sharp has a binary for each platform. */
export const external = ['sharp']

/** Parts of packages that are enough in Lambda, and load in a fraction of the time: docs/cold-start.md has numbers. */
const lighter: Record<string, string> = {
  'prom-client': 'scripts/lambda/prom-client.js',
  // Its build for browsers, which runtime/lambda-logger.ts is made for.
  pino: 'node_modules/pino/browser.js',
}

const lighterPackages: Plugin = {
  name: 'lighter-packages',
  setup(bundler) {
    bundler.onResolve({ filter: /^(prom-client|pino)$/ }, ({ path }) => ({
      path: join(repository, lighter[path]!),
    }))
  },
}

/** esbuild's settings for what runs in `nodejs22.x`. */
export const lambdaBuildOptions = {
  bundle: true,
  platform: 'node',
  target: 'node22',
  format: 'esm',
  // Packages in ESM lose what is not used; the default prefers CommonJS, which is taken whole.
  mainFields: ['module', 'main'],
  external,
  plugins: [lighterPackages],
  minify: true,
  // An error that ends the process prints the line that it happened in.
  lineLimit: 500,
  // For reading stack traces later: a map that is deployed would be read at each error.
  sourcemap: 'external',
  legalComments: 'external',
  define: { 'process.env.NODE_ENV': '"production"' },
  // What is left in CommonJS requires Node's own modules. The long name meets none that is made by minifying.
  banner: {
    js: "import{createRequire as createRequireOfBundle}from'node:module';const require=createRequireOfBundle(import.meta.url);",
  },
} satisfies BuildOptions

export interface LambdaBundle {
  /** Path of the module that exports `handler`. */
  file: string
  bytes: number
  gzippedBytes: number
  /** Bytes by package, or by folder of this repository; most first. */
  parts: { name: string; bytes: number }[]
}

/**
 * Bundles one module for Lambda.
 *
 * @param outfile its path; maps and licences are written beside it
 * @param options in place of those of `lambdaBuildOptions`
 */
export async function bundleForLambda(
  entry: string,
  outfile: string,
  options: BuildOptions = {},
): Promise<LambdaBundle> {
  await mkdir(dirname(outfile), { recursive: true })
  const { outputFiles, metafile } = await build({
    ...lambdaBuildOptions,
    ...options,
    entryPoints: [join(repository, entry)],
    absWorkingDir: repository,
    outfile,
    metafile: true,
    write: false,
    logLevel: 'silent',
  })
  for (const { path, contents } of outputFiles) await writeFile(path, contents)
  const code = outputFiles.find(({ path }) => basename(path) === basename(outfile))!.contents
  return {
    file: outfile,
    bytes: code.length,
    gzippedBytes: gzipSync(code, { level: 9 }).length,
    parts: partsOf(metafile, outfile),
  }
}

/**
 * Builds a function as it is deployed.
 *
 * @throws {Error} naming the largest parts if it has more bytes than it may
 */
export async function buildFunction(name: FunctionName, outdir: string): Promise<LambdaBundle> {
  const { entry, bytesMax } = functions[name]
  const dir = join(outdir, name)
  await rm(dir, { recursive: true, force: true })
  const bundle = await bundleForLambda(entry, join(dir, 'index.mjs'))
  assertFits(name, bundle, bytesMax)
  return bundle
}

/** @throws {Error} naming the largest parts of a bundle that has more bytes than it may */
export function assertFits(
  name: string,
  { bytes, parts }: Pick<LambdaBundle, 'bytes' | 'parts'>,
  bytesMax: number,
): void {
  if (bytes <= bytesMax) return
  const largest = parts.slice(0, 5).map((part) => `${part.name} ${part.bytes}`)
  throw new Error(`The bundle of ${name} has ${bytes} bytes of ${bytesMax}: ${largest.join(', ')} …`)
}

function partsOf({ outputs }: Metafile, outfile: string): LambdaBundle['parts'] {
  const { inputs } = outputs[relative(repository, outfile)] ?? Object.values(outputs).at(-1)!
  const sums = new Map<string, number>()
  for (const [path, { bytesInOutput }] of Object.entries(inputs)) {
    const name = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? `${path.split('/')[0]}/`
    sums.set(name, (sums.get(name) ?? 0) + bytesInOutput)
  }
  return Array.from(sums, ([name, bytes]) => ({ name, bytes })).toSorted((a, b) => b.bytes - a.bytes)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const name of Object.keys(functions) as FunctionName[]) {
    const { file, bytes, gzippedBytes, parts } = await buildFunction(name, join(repository, 'dist/lambda'))
    const [size, zipped] = [bytes, gzippedBytes].map((count) => count.toLocaleString('en'))
    console.log(`${relative(process.cwd(), file)}: ${size} bytes, ${zipped} gzipped`)
    for (const part of parts) console.log(`  ${part.bytes.toLocaleString('en').padStart(9)} ${part.name}`)
  }
}
