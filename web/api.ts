import type { ImageView } from '../api/image-view.ts'
import { type Answer, type OnProgress, send } from './send.ts'

export type { ImageView }

/** An answer that tells what went wrong, in words for a person. */
export class ApiProblem extends Error {
  override readonly name = 'ApiProblem'
  readonly code: string

  constructor(detail: string, code: string) {
    super(detail)
    this.code = code
  }
}

export interface ImagePage {
  images: ImageView[]
  pagination: { nextCursor: string | null }
}

export type Api = ReturnType<typeof createApi>

/** A larger file goes straight to the object store: the API itself does not take it. */
const formBytesMax = 10_000_000

/** The API as one user sees it. */
export function createApi(user: string) {
  const tokenKey = `tintype-token:${user}`

  /** @param cursor from the page before; null for the first page */
  async function list(cursor: string | null): Promise<ImagePage> {
    const query = cursor === null ? '' : `?cursor=${encodeURIComponent(cursor)}`
    return json(await call('GET', `/images${query}`))
  }

  /** @throws {ApiProblem} if the file is refused */
  async function upload(file: File, onProgress: OnProgress): Promise<ImageView> {
    return file.size > formBytesMax ? uploadDirectly(file, onProgress) : uploadForm(file, onProgress)
  }

  async function uploadForm(file: File, onProgress: OnProgress): Promise<ImageView> {
    const form = new FormData()
    form.set('title', titleOf(file))
    form.set('file', file)
    return json(await call('POST', '/images', form, onProgress))
  }

  /** Announces the file, sends it to the object store, and says when it is there. */
  async function uploadDirectly(file: File, onProgress: OnProgress): Promise<ImageView> {
    const wanted = { filename: file.name, mimeType: file.type, bytes: file.size, title: titleOf(file) }
    const begun = await call('POST', '/uploads', JSON.stringify(wanted))
    const { image, upload: presigned } = json<{ image: ImageView; upload: PresignedForm }>(begun)

    const form = new FormData()
    for (const [name, value] of Object.entries(presigned.fields)) form.set(name, value)
    // The store ignores every field behind the file.
    form.set('file', file)
    const stored = await send({ method: 'POST', url: presigned.url, body: form, onProgress })
    if (stored.status >= 400) throw storeProblem(stored)
    return json(await call('POST', `/uploads/${image.id}/complete`))
  }

  async function remove(image: ImageView): Promise<void> {
    await call('DELETE', `/images/${image.id}`)
  }

  /** A request with the user's token; a token that is no longer taken is renewed once. */
  async function call(
    method: string,
    url: string,
    body?: FormData | string,
    onProgress?: OnProgress,
  ): Promise<Answer> {
    const sendWith = (token: string): Promise<Answer> =>
      send({ method, url, body, onProgress, headers: { authorization: `Bearer ${token}` } })
    let answer = await sendWith(sessionStorage.getItem(tokenKey) ?? (await renewToken()))
    if (answer.status === 401) answer = await sendWith(await renewToken())
    if (answer.status >= 400) throw problemOf(answer)
    return answer
  }

  async function renewToken(): Promise<string> {
    const answer = await send({ method: 'POST', url: '/dev/token', body: JSON.stringify({ sub: user }) })
    if (answer.status >= 400) throw problemOf(answer)
    const { token } = json<{ token: string }>(answer)
    sessionStorage.setItem(tokenKey, token)
    return token
  }

  return { list, upload, remove }
}

interface PresignedForm {
  url: string
  fields: Record<string, string>
}

function json<T>(answer: Answer): T {
  return JSON.parse(answer.text) as T
}

/** A title to begin with: the name of the file without its extension. */
function titleOf(file: File): string {
  return file.name.replace(/\.[^.]*$/, '').slice(0, 255)
}

/** Reads application/problem+json; of anything else, such as a proxy's page, only the status is told. */
function problemOf(answer: Answer): ApiProblem {
  try {
    const { detail, code } = json<{ detail: string; code: string }>(answer)
    return new ApiProblem(detail, code)
  } catch {
    return new ApiProblem('The server’s answer can’t be read.', `HTTP ${answer.status}`)
  }
}

/** The object store answers in XML. */
function storeProblem(answer: Answer): ApiProblem {
  const xml = new DOMParser().parseFromString(answer.text, 'application/xml')
  const message = xml.querySelector('Message')?.textContent ?? 'The file was not accepted.'
  return new ApiProblem(message, xml.querySelector('Code')?.textContent ?? `HTTP ${answer.status}`)
}
