import { execFile } from 'node:child_process'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'

/*
 * Builds the package for apps: `npm run build:client` makes dist/client/. esbuild and tsc are run as the command lines
 * that they are, since what is in this folder imports nothing but core/.
 */

const repository = fileURLToPath(new URL('..', import.meta.url))

/** The doors of the package, each with what it may add to an app: bytes, minified and gzipped. */
export const entries = {
  index: { subpath: '.', bytesMax: 3 * 1024 },
  next: { subpath: './next', bytesMax: 3 * 1024 },
  unpic: { subpath: './unpic', bytesMax: 3 * 1024 },
  api: { subpath: './api', bytesMax: 2 * 1024 },
} as const
export type EntryName = keyof typeof entries
const names = Object.keys(entries) as EntryName[]

/** What may be in a bundle: this folder, and the files of core/ that are made for the edge: no validator, no Node. */
const allowedSources = /^(client\/[\w-]+|core\/(image-url|ladder|negotiate|signature))\.ts$/

/** What one door costs an app that uses nothing else of the package. */
export interface EntrySize {
  name: EntryName
  /** Bytes. */
  minified: number
  gzipped: number
}

/**
 * Builds the package: a module for each door, types, package.json.
 *
 * @throws {Error} if a bundle holds what it may not, or if it is larger than it may be
 */
export async function buildClient(outdir: string): Promise<EntrySize[]> {
  await rm(outdir, { recursive: true, force: true })
  await mkdir(outdir, { recursive: true })
  await bundle(outdir)
  await declareTypes(outdir)
  await writeManifest(outdir)

  const sizes: EntrySize[] = []
  for (const name of names) sizes.push(await measure(outdir, name))
  assertSmall(sizes)
  return sizes
}

/**
 * Readable modules: it is the app's bundler that minifies. Each is whole in itself, so that a page without a bundler
 * loads one file, and nothing in it that only another door needs.
 */
async function bundle(outdir: string): Promise<void> {
  const metafile = join(outdir, 'meta.json')
  await run('esbuild', [
    ...names.map((name) => `client/${name}.ts`),
    '--bundle',
    '--format=esm',
    '--platform=neutral',
    '--target=es2022',
    `--outdir=${outdir}`,
    `--metafile=${metafile}`,
  ])
  const { inputs } = JSON.parse(await readFile(metafile, 'utf8')) as { inputs: Record<string, unknown> }
  assertAllowed(Object.keys(inputs))
  await rm(metafile)
}

/** @throws {Error} naming the sources that have no place in an app */
export function assertAllowed(sources: readonly string[]): void {
  const others = sources.filter((source) => !allowedSources.test(source))
  if (others.length > 0) throw new Error(`The client must not bundle ${others.join(', ')}`)
}

async function declareTypes(outdir: string): Promise<void> {
  await run('tsc', ['--project', 'client/tsconfig.json', '--outDir', join(outdir, 'types')])
}

async function writeManifest(outdir: string): Promise<void> {
  const root = await readFile(join(repository, 'package.json'), 'utf8')
  const { version, license } = JSON.parse(root) as { version: string; license: string }
  const exports = Object.fromEntries(
    names.map((name) => [
      entries[name].subpath,
      { types: `./types/client/${name}.d.ts`, default: `./${name}.js` },
    ]),
  )
  const manifest = { name: '@tintype/client', version, license, type: 'module', sideEffects: false, exports }
  await writeFile(join(outdir, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
}

async function measure(outdir: string, name: EntryName): Promise<EntrySize> {
  const code = await run('esbuild', [
    join(outdir, `${name}.js`),
    '--bundle',
    '--minify',
    '--format=esm',
    '--platform=neutral',
  ])
  return { name, minified: Buffer.byteLength(code), gzipped: gzipSync(code, { level: 9 }).length }
}

/** @throws {Error} naming the doors that cost more than they may */
export function assertSmall(sizes: readonly EntrySize[]): void {
  const large = sizes.filter(({ name, gzipped }) => gzipped > entries[name].bytesMax)
  if (large.length === 0) return
  const told = large.map(
    ({ name, gzipped }) => `client/${name}.ts has ${gzipped} of ${entries[name].bytesMax}`,
  )
  throw new Error(`Too many bytes, minified and gzipped: ${told.join(', ')}`)
}

/** The standard output of a tool of this repository. */
async function run(tool: 'esbuild' | 'tsc', parameters: readonly string[]): Promise<string> {
  const path = join(repository, 'node_modules/.bin', tool)
  try {
    return (await promisify(execFile)(path, [...parameters], { cwd: repository })).stdout
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    throw new Error(`${tool} failed:\n${stdout}${stderr}`, { cause: error })
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const outdir = join(repository, 'dist/client')
  for (const { name, minified, gzipped } of await buildClient(outdir)) {
    const written = relative(process.cwd(), join(outdir, `${name}.js`))
    process.stdout.write(
      `${written}: ${minified.toLocaleString('en')} bytes minified, ` +
        `${gzipped.toLocaleString('en')} of ${entries[name].bytesMax.toLocaleString('en')} gzipped\n`,
    )
  }
}
