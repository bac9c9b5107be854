import { readProblem } from './api-problem.ts'
import type { BegunUpload, Image, ImageChanges, ImageDetails, ImagePage, ListQuery } from './api-types.ts'
import { withoutSlash } from './base-url.ts'

export { ApiProblem } from './api-problem.ts'
export type {
  BegunUpload,
  Image,
  ImageChanges,
  ImageDetails,
  ImagePage,
  ListQuery,
  ProblemCode,
  ProblemFault,
} from './api-types.ts'

export interface ApiClientOptions {
  /** Where the API is, such as `https://api.example.com`; '' for the page's own origin. */
  baseUrl: string
  /** The bearer token, or what gives it before each request, so that it can be renewed. */
  token: string | (() => string | Promise<string>)
  /** In place of the global `fetch`. */
  fetch?: (url: string, init: RequestInit) => Promise<Response>
  /** Files of more bytes than this go straight to the object store. */
  directAboveBytes?: number
}

export interface CallOptions {
  signal?: AbortSignal
}

export interface UploadOptions extends CallOptions {
  /** For a Blob; a File has a name. */
  filename?: string
  /** Repeating an upload with the same key for 24 hours makes one image. */
  idempotencyKey?: string
}

/** An image at the version that is to change: `*` is whatever is there. An image of the API is one. */
export interface ImageVersion {
  id: string
  version: number | '*'
}

/** The metadata API. All calls throw {@link ApiProblem} for an answer that is no success. */
export interface ApiClient {
  /** One page. */
  list(query?: ListQuery, options?: CallOptions): Promise<ImagePage>
  /** This page and all after it, each asked for when the loop comes to it. */
  pages(query?: ListQuery, options?: CallOptions): AsyncGenerator<ImagePage, void, undefined>
  get(id: string, options?: CallOptions): Promise<Image>
  /** In one request where the file is small, else straight to the object store; the result is the same. */
  upload(file: Blob, details?: ImageDetails, options?: UploadOptions): Promise<Image>
  /** VERSION_MISMATCH where the image is no longer at the version that is named. */
  update(image: ImageVersion, changes: ImageChanges, options?: CallOptions): Promise<Image>
  /** By id: whatever the version is. By image: VERSION_MISMATCH where it has changed since. */
  replaceOriginal(image: ImageVersion | string, file: Blob, options?: ReplaceOptions): Promise<Image>
  /** By id: whatever the version is. By image: VERSION_MISMATCH where it has changed since. */
  delete(image: ImageVersion | string, options?: CallOptions): Promise<void>
}

export interface ReplaceOptions extends CallOptions {
  /** For a Blob; a File has a name. */
  filename?: string
}

/** Below what a Lambda takes as a request: 6 MB, of which base64 leaves 4.5. */
const directAboveBytesDefault = 4_000_000

/** What a request has besides method and path. */
interface Sending extends CallOptions {
  headers?: Record<string, string>
  body?: FormData | string
}

/** Makes a client of the metadata API. */
export function createApiClient(options: ApiClientOptions): ApiClient {
  const { token, directAboveBytes = directAboveBytesDefault } = options
  const baseUrl = withoutSlash(options.baseUrl)
  // Called through a function of its own: a browser's fetch refuses to be called as a method.
  const send = options.fetch ?? ((url, init) => fetch(url, init))

  async function call(method: string, path: string, sending: Sending = {}): Promise<Response> {
    const authorization = `Bearer ${typeof token === 'string' ? token : await token()}`
    const { headers, body = null, signal = null } = sending
    const init = { method, headers: { ...headers, authorization }, body, signal }
    return successful(await send(baseUrl + path, init))
  }

  async function callForImage(method: string, path: string, sending: Sending = {}): Promise<Image> {
    return (await (await call(method, path, sending)).json()) as Image
  }

  async function list(query: ListQuery = {}, { signal }: CallOptions = {}): Promise<ImagePage> {
    const response = await call('GET', `/images${queryString(query)}`, { signal })
    return (await response.json()) as ImagePage
  }

  async function* pages(query: ListQuery = {}, callOptions: CallOptions = {}) {
    let page = await list(query, callOptions)
    yield page
    while (page.pagination.nextCursor !== null) {
      page = await list({ ...query, cursor: page.pagination.nextCursor }, callOptions)
      yield page
    }
  }

  async function uploadByForm(
    file: Blob,
    details: ImageDetails,
    { signal, ...rest }: UploadOptions,
  ): Promise<Image> {
    const form = new FormData()
    for (const [name, value] of Object.entries(details)) {
      // As one JSON array, because a single tag with a comma in it would be read as two.
      if (value !== null && value !== undefined)
        form.append(name, String(name === 'tags' ? JSON.stringify(value) : value))
    }
    form.append('file', file, nameOf(file, rest.filename))
    return callForImage('POST', '/images', { body: form, headers: idempotent(rest), signal })
  }

  async function uploadDirectly(
    file: Blob,
    details: ImageDetails,
    { signal, ...rest }: UploadOptions,
  ): Promise<Image> {
    const announced = {
      ...details,
      filename: nameOf(file, rest.filename),
      // What the file is, its bytes tell in the end; a Blob without a type must not fail for the form's sake.
      mimeType: file.type === '' ? 'image/jpeg' : file.type,
      bytes: file.size,
    }
    const headers = { ...json, ...idempotent(rest) }
    const begun = await call('POST', '/uploads', { body: JSON.stringify(announced), headers, signal })
    const { image, upload } = (await begun.json()) as BegunUpload
    if (upload === null) return image

    const form = new FormData()
    for (const [name, value] of Object.entries(upload.fields)) form.append(name, value)
    form.append('file', file)
    // Without the token: the form carries the leave to upload, and the object store is another party.
    await successful(await send(upload.url, { method: upload.method, body: form, signal: signal ?? null }))
    return callForImage('POST', `${pathOf('uploads', image.id)}/complete`, { signal })
  }

  return {
    list,
    pages,

    get(id, { signal } = {}) {
      return callForImage('GET', pathOf('images', id), { signal })
    },

    upload(file, details = {}, uploadOptions = {}) {
      const way = file.size > directAboveBytes ? uploadDirectly : uploadByForm
      return way(file, details, uploadOptions)
    },

    update(image, changes, { signal } = {}) {
      const headers = { ...json, ...ifMatch(image) }
      return callForImage('PATCH', pathOf('images', image.id), {
        body: JSON.stringify(changes),
        headers,
        signal,
      })
    },

    replaceOriginal(image, file, { signal, filename } = {}) {
      const body = new FormData()
      body.append('file', file, nameOf(file, filename))
      const path = `${pathOf('images', idOf(image))}/original`
      return callForImage('PUT', path, { body, headers: ifMatch(image), signal })
    },

    async delete(image, { signal } = {}) {
      await call('DELETE', pathOf('images', idOf(image)), { headers: ifMatch(image), signal })
    },
  }
}

const json = { 'content-type': 'application/json' }

async function successful(response: Response): Promise<Response> {
  if (response.ok) return response
  throw await readProblem(response)
}

function pathOf(collection: 'images' | 'uploads', id: string): string {
  return `/${collection}/${encodeURIComponent(id)}`
}

function queryString(query: ListQuery): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined)
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString()
  return text === '' ? '' : `?${text}`
}

function idOf(image: ImageVersion | string): string {
  return typeof image === 'string' ? image : image.id
}

function ifMatch(image: ImageVersion | string): Record<string, string> {
  if (typeof image === 'string') return {}
  return { 'if-match': image.version === '*' ? '*' : `"${image.version}"` }
}

function idempotent({ idempotencyKey }: UploadOptions): Record<string, string> {
  return idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }
}

/** A Blob has no name: the API makes one up for ''. */
function nameOf(file: Blob, filename: string | undefined): string {
  return filename ?? (file instanceof File ? file.name : 'image')
}
