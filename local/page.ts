import { buildPage } from '../web/build.ts'

/** Serves the page and its assets, built once. */
export async function createPage(): Promise<(request: Request) => Promise<Response>> {
  const files = await buildPage()
  return async (request) => {
    const file = files.get(new URL(request.url).pathname)
    if (file === undefined) return new Response('Not found', { status: 404 })
    return new Response(file.body, {
      headers: { 'content-type': file.contentType, 'cache-control': 'no-cache' },
    })
  }
}
