import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { Call } from './call.ts'
import { problem } from './problems.ts'

/** What the page loads from its own origin; nothing comes from a third party. */
const assetTypes: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'start.js': 'text/javascript; charset=utf-8',
}

/** Swagger UI sets inline styles and draws icons from data URLs; its scripts are files. */
const contentSecurityPolicy = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"

const startScript = `
const specification = new URL('../openapi.json', document.currentScript.src).href
window.ui = SwaggerUIBundle({ url: specification, dom_id: '#swagger-ui', deepLinking: true })
`

/** GET /docs: the API's description to read and to try out. */
export function docsPage({ url }: Pick<Call, 'url'>): Response {
  // Relative, so that the API may lie under any path.
  const base = url.pathname.endsWith('/') ? '' : 'docs/'
  const html = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>Tintype API</title>
    <link rel="stylesheet" href="${base}swagger-ui.css" />
  </head>
  <body>
    <div id="swagger-ui"></div>
    <script src="${base}swagger-ui-bundle.js"></script>
    <script src="${base}start.js"></script>
  </body>
</html>
`
  return new Response(html, {
    headers: { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': contentSecurityPolicy },
  })
}

const loaded = new Map<string, Promise<string>>()

/** GET /docs/:file: read from the package `swagger-ui-dist` when first asked for. */
export async function docsAsset({ params }: Pick<Call, 'params'>): Promise<Response> {
  const name = params.file ?? ''
  const contentType = Object.hasOwn(assetTypes, name) ? assetTypes[name] : undefined
  if (contentType === undefined) throw problem('NOT_FOUND', 'There is nothing at this path.')
  let text = loaded.get(name)
  if (text === undefined) {
    text = loadAsset(name)
    loaded.set(name, text)
    text.catch(() => loaded.delete(name))
  }
  return new Response(await text, {
    headers: { 'content-type': contentType, 'cache-control': 'public, max-age=86400' },
  })
}

async function loadAsset(name: string): Promise<string> {
  if (name === 'start.js') return startScript
  const root = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'))
  return readFile(join(root, name), 'utf8')
}
