import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { launchBrowser } from '../e2e/browser.ts'
import { startTestSystem, type TestSystem, tokenFor } from '../e2e/test-system.ts'
import { photographs } from '../local/photographs.ts'
import { createApiClient, type Image } from './api.ts'
import { buildClient } from './build.ts'
import type { ImageRef } from './index.ts'

/*
 * Every snippet of docs/client.md: checked by tsc against the built package, and run. A result that stands below a line
 * as `// → result` is compared.
 */

const repository = fileURLToPath(new URL('..', import.meta.url))
const image: ImageRef = { id: '01JD0R3XW6ZQJ5Y5T1V9N4K8MH', rev: '0a1b2c3d', width: 4000, height: 3000 }

let system: TestSystem
let app: string
/** File names by what is in them. */
let snippets: Map<string, string>

beforeAll(async () => {
  system = await startTestSystem()
  app = await mkdtemp(join(tmpdir(), 'tintype-docs-'))
  await buildClient(join(app, 'node_modules/@tintype/client'))
  for (const [path, text] of Object.entries(await surroundings())) await put(path, text)
  snippets = await putSnippets()
})

afterAll(async () => {
  await system?.remove()
  await rm(app, { recursive: true, force: true })
})

async function put(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(app, path)), { recursive: true })
  await writeFile(join(app, path), text)
}

/** What the snippets import besides the package, and what of React, Next and unpic they use. */
async function surroundings(): Promise<Record<string, string>> {
  const manifest = (exports: object): string => JSON.stringify({ type: 'module', exports })
  return {
    'sign-in.ts': `export const accessToken = async () => ${JSON.stringify(await tokenFor(system.url, 'docs'))}`,
    'node_modules/react/package.json': manifest({ './jsx-runtime': './jsx-runtime.js' }),
    'node_modules/react/jsx-runtime.js':
      'export const jsx = (type, props) => ({ type, props })\nexport const jsxs = jsx',
    // The attributes as in types/react/index.d.ts of DefinitelyTyped: ImgHTMLAttributes, SourceHTMLAttributes.
    'node_modules/react/jsx-runtime.d.ts': `
      interface Sized { width?: number | string | undefined; height?: number | string | undefined }
      interface Responsive { sizes?: string | undefined; srcSet?: string | undefined; src?: string | undefined }
      interface Img extends Sized, Responsive {
        alt?: string | undefined
        loading?: 'eager' | 'lazy' | undefined
        style?: { backgroundColor?: string | undefined } | undefined
      }
      interface Source extends Sized, Responsive { media?: string | undefined }
      export namespace JSX {
        interface Element { type: unknown; props: any }
        interface ElementChildrenAttribute { children: {} }
        interface IntrinsicAttributes { key?: string | number | null | undefined }
        interface IntrinsicElements {
          img: Img & IntrinsicAttributes
          source: Source & IntrinsicAttributes
          picture: { children?: unknown }
        }
      }
      export function jsx(type: unknown, props: unknown): JSX.Element
      export const jsxs: typeof jsx`,
    'node_modules/next/package.json': manifest({ './image': './image.js' }),
    'node_modules/next/image.js': 'export default "next/image"',
    'node_modules/next/image.d.ts': `
      import type { JSX } from 'react/jsx-runtime'
      interface Props { src: string; alt: string; width?: number; height?: number; quality?: number }
      declare const Image: (props: Props) => JSX.Element
      export default Image`,
    'node_modules/@unpic/react/package.json': manifest({ './base': './base.js' }),
    'node_modules/@unpic/react/base.js': 'export const Image = "unpic"',
    // BaseTransformerOptions in packages/core/src/types.ts of ascorbic/unpic-img.
    'node_modules/@unpic/react/base.d.ts': `
      import type { JSX } from 'react/jsx-runtime'
      interface Operations {
        width?: number | string
        height?: number | string
        format?: 'jpeg' | 'jpg' | 'png' | 'webp' | 'avif' | (string & {})
        quality?: number | string
      }
      interface Props<TOperations extends Operations, TOptions> {
        src: string
        transformer: (src: string | URL, operations: TOperations, options?: TOptions) => string
        operations?: TOperations & { width?: never; height?: never }
        options?: TOptions
        alt?: string
        width: number
        height: number
      }
      export function Image<TOperations extends Operations, TOptions>(
        props: Props<TOperations, TOptions>,
      ): JSX.Element`,
  }
}

/** Puts each snippet into a file: of the name in its first line, or of its number. */
async function putSnippets(): Promise<Map<string, string>> {
  const text = await readFile(join(repository, 'docs/client.md'), 'utf8')
  const files = new Map<string, string>()
  for (const [, extension, code] of text.matchAll(/^```(tsx?|jsx?)\n(.*?)^```/gms)) {
    const name = /^\/\/ ([\w.-]+)\n/.exec(code!)?.[1] ?? `snippet-${files.size + 1}.${extension}`
    files.set(code!, name)
    const lines = code!.replaceAll(
      /^(.+)\n\/\/ → (.+)$/gm,
      (_, expression: string, result: string) => `results.push([${expression}, ${JSON.stringify(result)}])`,
    )
    const local = lines.replaceAll('https://api.example.com', system.url)
    await put(name, `export const results: [unknown, string][] = []\n${local}`)
  }
  return files
}

/** The name of the one snippet that holds this text. */
function named(text: string): string {
  const found = [...snippets].filter(([code]) => code.includes(text))
  expect(found).toHaveLength(1)
  return found[0]![1]
}

/** The snippet as one module, with the package and all that it imports. */
async function bundle(name: string, format: 'esm' | 'iife'): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(app, name)],
    bundle: true,
    write: false,
    format,
    globalName: 'snippet',
    platform: 'browser',
    jsx: 'automatic',
    logLevel: 'silent',
  })
  return outputFiles[0]!.text
}

/** What the snippet with this text exports, once it has run. */
async function run<Exports>(text: string): Promise<Exports> {
  const name = named(text)
  await put(`${name}.mjs`, await bundle(name, 'esm'))
  return (await import(pathToFileURL(join(app, `${name}.mjs`)).href)) as Exports
}

interface Element {
  type: unknown
  // The props of a stand-in for React are whatever the snippet gives.
  props: Record<string, unknown> & { children: [Element[], Element] }
}

it('type-checks in an app', async () => {
  expect(snippets.size).toBe(10)
  const options = {
    compilerOptions: {
      target: 'es2022',
      lib: ['es2022', 'dom', 'dom.iterable'],
      types: [],
      module: 'esnext',
      moduleResolution: 'bundler',
      allowImportingTsExtensions: true,
      jsx: 'react-jsx',
      noEmit: true,
      strict: true,
      noUncheckedIndexedAccess: true,
      exactOptionalPropertyTypes: true,
    },
    files: [...snippets.values(), 'sign-in.ts'],
  }
  await put('tsconfig.json', JSON.stringify(options))
  const complaints = await promisify(execFile)(join(repository, 'node_modules/.bin/tsc'), ['-p', app]).then(
    ({ stdout }) => stdout,
    (error: { stdout: string }) => error.stdout,
  )
  expect(complaints).toBe('')
})

it('gives the results that it shows', async () => {
  let compared = 0
  for (const [code, name] of snippets) {
    if (!code.includes('// →')) continue
    const { results } = await run<{ results: [unknown, string][] }>(code)
    for (const [result, shown] of results) expect(`${name}: ${String(result)}`).toBe(`${name}: ${shown}`)
    compared += results.length
  }
  expect(compared).toBe(6)
})

it('shows a crop for each screen in React', async () => {
  type Component = (props: { image: ImageRef }) => Element
  const { Hero, Avatar } = await run<{ Hero: Component; Avatar: Component }>('function Hero')
  const [[square], wide] = Hero({ image }).props.children
  expect(square).toMatchObject({ type: 'source', props: { media: '(max-width: 40rem)' } })
  expect(square!.props['srcSet']).toContain('&ar=1:1 640w')
  expect(wide).toMatchObject({ type: 'img' })
  expect(wide.props['srcSet']).toContain('&ar=21:9 640w')
  const avatar = Avatar({ image }).props
  expect(avatar).toMatchObject({ loading: 'lazy', width: 48, height: 48, sizes: '48px' })
})

it('serves next/image', async () => {
  const { default: loader } = await run<{ default: (props: object) => string }>('createNextLoader')
  const { default: config } = await run<{
    default: { images: { deviceSizes: number[]; loaderFile: string } }
  }>('loaderFile')
  expect([...snippets.values()]).toContain(config.images.loaderFile.slice(2))
  const { Photo } = await run<{ Photo: (props: { image: ImageRef }) => Element }>("from 'next/image'")
  const { type, props } = Photo({ image })
  expect(type).toBe('next/image')
  for (const width of config.images.deviceSizes) {
    const url = loader({ src: props['src'], width })
    expect(url).toBe(`https://cdn.example.com/i/${image.id}?r=0a1b2c3d&w=${width}&ar=4:3`)
  }
})

it('serves unpic', async () => {
  const { Photo } = await run<{ Photo: (props: { id: string; alt: string }) => Element }>(
    "from '@unpic/react/base'",
  )
  const { transformer, src, options, width, height } = Photo({ id: image.id, alt: '' }).props
  const transform = transformer as (...parameters: unknown[]) => string
  const url = transform(src, { width, height, format: undefined, quality: undefined }, options)
  expect(url).toBe(`https://cdn.example.com/i/${image.id}?w=800&ar=4:3`)
})

describe('on a running system', () => {
  let browser: Browser

  beforeAll(async () => {
    browser = await launchBrowser()
  })

  afterAll(() => browser?.close())

  async function photograph(index: number): Promise<File> {
    const { name, path } = photographs[index]!
    return new File([await readFile(path)], `${name}.jpg`, { type: 'image/jpeg' })
  }

  it('uploads, renames and removes', async () => {
    const { publish, rename, removeAll } = await run<{
      publish: (file: File) => Promise<string>
      rename: (image: Image, title: string) => Promise<Image>
      removeAll: (tag: string) => Promise<number>
    }>('createApiClient')
    const url = await publish(await photograph(0))
    const response = await fetch(url.replace('https://cdn.example.com', system.url))
    expect(response.headers.get('content-type')).toBe('image/jpeg')

    const api = createApiClient({ baseUrl: system.url, token: await tokenFor(system.url, 'docs') })
    const published = (await api.list()).images[0]!
    expect(published).toMatchObject({ title: 'black-canyon.jpg', tags: ['new'] })
    expect(await rename(published, 'Mine')).toMatchObject({ title: 'Mine', version: published.version + 1 })
    expect(await rename(published, 'Too late')).toMatchObject({ title: 'Mine' })
    expect(await removeAll('new')).toBe(1)
    expect((await api.list()).images).toEqual([])
  })

  it('keeps the place of a picture in a real page until it is there', async () => {
    const api = createApiClient({ baseUrl: system.url, token: await tokenFor(system.url, 'page') })
    const uploaded = await api.upload(await photograph(1), { altText: 'Snow' })
    const page = await browser.newPage({ viewport: { width: 800, height: 900 } })
    const { promise: released, resolve: release } = withResolvers()
    await page.route('https://cdn.example.com/**', async (route) => {
      const { pathname, search } = new URL(route.request().url())
      await released
      const response = await fetch(system.url + pathname + search)
      const body = Buffer.from(await response.arrayBuffer())
      await route.fulfill({
        status: response.status,
        contentType: response.headers.get('content-type')!,
        body,
      })
    })
    await page.setContent('<style>body { margin: 0 } img { max-width: 100%; height: auto }</style>')
    await page.addScriptTag({ content: await bundle(named('function imageElement'), 'iife') })
    await page.evaluate((shown) => {
      const { imageElement } = (
        globalThis as unknown as { snippet: { imageElement: (image: object) => Node } }
      ).snippet
      document.body.append(imageElement(shown))
    }, uploaded)

    const picture = page.getByAltText('Snow')
    const before = await picture.evaluate((img: HTMLImageElement) => ({
      loaded: img.complete && img.naturalWidth > 0,
      color: getComputedStyle(img).backgroundColor,
    }))
    const placeBefore = await picture.boundingBox()
    expect(before.loaded).toBe(false)
    const channels = [1, 3, 5].map((at) => Number.parseInt(uploaded.dominantColor!.slice(at, at + 2), 16))
    expect(before.color).toBe(`rgb(${channels.join(', ')})`)
    expect(placeBefore!.width).toBe(800)
    expect(placeBefore!.height / placeBefore!.width).toBeCloseTo(uploaded.height! / uploaded.width!, 2)

    release()
    const chosen = await picture.evaluate(async (img: HTMLImageElement) => {
      await img.decode()
      return img.currentSrc
    })
    // (min-width: 60rem) does not hold at 800 px, so the size is 100vw.
    expect(chosen).toContain('w=800')
    // Heights are whole pixels in a file, so that the shape of each rung differs by a fraction of one.
    const place = (await picture.boundingBox())!
    expect(Math.abs(place.height - placeBefore!.height)).toBeLessThan(1)
    expect({ ...place, height: 0 }).toEqual({ ...placeBefore!, height: 0 })
    await page.close()
  })
})

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve!: () => void
  const promise = new Promise<void>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}
