import type { ImageView } from '../api/image-view.ts'
import type { LedgerView } from '../api/ledger.ts'

/** What stops a command, in words for whoever runs it. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  /** The API's code for it, if it was the API that refused. */
  readonly code: string | null
  /** What the command ends with: 1, or 2 where it was called wrongly. */
  readonly exitCode: number

  constructor(message: string, options: { code?: string; cause?: unknown; exitCode?: number } = {}) {
    super(message, { cause: options.cause })
    this.code = options.code ?? null
    this.exitCode = options.exitCode ?? 1
  }
}

/** Either a token, or the name of a user for whom the local system gives one. */
export type Identity = { token: string } | { user: string; scope?: 'images:admin' }

export interface NewPhoto {
  bytes: Uint8Array<ArrayBuffer>
  filename: string
  mimeType: string
  title: string
  altText: string
  idempotencyKey: string
}

export interface ApiClient {
  /** The user's images, newest first, `limit` at most; those of one album if one is named. */
  newest(limit: number, albumId?: string): Promise<ImageView[]>
  /** Null if there is no such image, or the user may not see it. */
  find(id: string): Promise<ImageView | null>
  upload(photo: NewPhoto): Promise<ImageView>
  /** What was asked for in the last `days` days; for an administrator. */
  ledger(days: number): Promise<LedgerView>
}

const dayMs = 24 * 3600 * 1000

/** The largest page that the API gives. */
const pageMax = 100

/**
 * Opens the API of a running system.
 *
 * @throws {CommandError} if nobody answers at this address, or the user is not let in
 */
export async function connect(url: string, identity: Identity): Promise<ApiClient> {
  const base = url.replace(/\/+$/, '')
  const token = 'token' in identity ? identity.token : await devToken(base, identity)

  async function newest(limit: number, albumId?: string): Promise<ImageView[]> {
    const images: ImageView[] = []
    let cursor: string | null = null
    do {
      const query = new URLSearchParams({ limit: String(Math.min(pageMax, limit - images.length)) })
      if (albumId !== undefined) query.set('albumId', albumId)
      if (cursor !== null) query.set('cursor', cursor)
      const page: Page = await call(`${base}/images?${query}`, withToken())
      images.push(...page.images)
      cursor = page.pagination.nextCursor
    } while (cursor !== null && images.length < limit)
    return images
  }

  async function find(id: string): Promise<ImageView | null> {
    try {
      return await call<ImageView>(`${base}/images/${id}`, withToken())
    } catch (error) {
      if (error instanceof CommandError && unseen.has(error.code ?? '')) return null
      throw error
    }
  }

  async function upload(photo: NewPhoto): Promise<ImageView> {
    const form = new FormData()
    form.set('title', photo.title)
    form.set('altText', photo.altText)
    form.set('file', new Blob([photo.bytes], { type: photo.mimeType }), photo.filename)
    const headers = { 'idempotency-key': photo.idempotencyKey }
    return call(`${base}/images`, { ...withToken(headers), method: 'POST', body: form })
  }

  function withToken(headers: Record<string, string> = {}): RequestInit {
    return { headers: { ...headers, authorization: `Bearer ${token}` } }
  }

  async function ledger(days: number): Promise<LedgerView> {
    const from = new Date(Date.now() - (days - 1) * dayMs).toISOString().slice(0, 10)
    return call(`${base}/ledger?from=${from}`, withToken())
  }

  return { newest, find, upload, ledger }
}

/** How the API says that there is no such image, at least not for this user. */
const unseen = new Set(['IMAGE_NOT_FOUND', 'NOT_AUTHORIZED'])

interface Page {
  images: ImageView[]
  pagination: { nextCursor: string | null }
}

async function devToken(base: string, { user, scope }: { user: string; scope?: string }): Promise<string> {
  const headers = { 'content-type': 'application/json' }
  const body = JSON.stringify({ sub: user, ...(scope !== undefined && { scope }) })
  const { token } = await call<{ token: string }>(`${base}/dev/token`, { method: 'POST', headers, body })
  return token
}

/** The JSON that a request is answered with. */
async function call<T>(url: string, init: RequestInit): Promise<T> {
  const response = await fetch(url, init).catch((cause: unknown) => {
    throw new CommandError(`No Tintype answers at ${new URL(url).origin}. Start it with: npm start`, {
      cause,
    })
  })
  const text = await response.text()
  if (response.ok) return JSON.parse(text) as T
  throw refusal(response, text)
}

function refusal(response: Response, text: string): CommandError {
  const said = `${new URL(response.url).pathname} answers ${response.status}`
  if (!/json/.test(response.headers.get('content-type') ?? '')) return new CommandError(said)
  const { detail, code } = JSON.parse(text) as { detail?: string; code?: string }
  return new CommandError(`${said}: ${detail} (${code})`, code === undefined ? {} : { code })
}
