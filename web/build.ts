import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

export interface PageFile {
  contentType: string
  body: string
}

const folder = fileURLToPath(new URL('.', import.meta.url))

/** Bundles the gallery in memory; gives each file under the path at which it is to be served. */
export async function buildPage(): Promise<Map<string, PageFile>> {
  const { outputFiles } = await build({
    absWorkingDir: folder,
    entryPoints: ['gallery.ts', 'gallery.css'],
    outdir: 'assets',
    write: false,
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    logLevel: 'silent',
  })
  const outputNamed = (name: string): string => outputFiles.find(({ path }) => path.endsWith(name))!.text
  return new Map([
    ['/', { contentType: 'text/html; charset=utf-8', body: await readFile(`${folder}index.html`, 'utf8') }],
    [
      '/assets/gallery.js',
      { contentType: 'text/javascript; charset=utf-8', body: outputNamed('gallery.js') },
    ],
    ['/assets/gallery.css', { contentType: 'text/css; charset=utf-8', body: outputNamed('gallery.css') }],
  ])
}
