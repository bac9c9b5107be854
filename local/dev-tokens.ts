import { randomBytes } from 'node:crypto'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { exportJWK, generateKeyPair, importJWK, type JSONWebKeySet, SignJWT } from 'jose'
import { z } from 'zod'

export const devIssuer = 'https://tintype.invalid/dev'
export const devAudience = 'tintype'

const TokenRequest = z.strictObject({
  sub: z.string().min(1).max(128),
  scope: z.string().optional(),
  expiresInSeconds: z.number().int().min(-86_400).max(86_400).default(43_200),
})

/** Secrets of one data folder; they are kept with it, so that tokens, cursors and signed URLs outlive a restart. */
const DevSecrets = z.object({
  tokenKey: z.looseObject({ kty: z.literal('EC') }),
  cursorSecret: z.string().min(32),
  /** Signs URLs of private images. */
  urlSecret: z.string().min(32),
})
type DevSecrets = z.infer<typeof DevSecrets>

export interface DevTokens {
  cursorSecret: string
  urlSecret: string
  /** What tokens are checked with. */
  jwks: JSONWebKeySet
  /** Answers `POST /dev/token` and `GET /dev/jwks.json`. Tokens for anybody who asks: never part of a deployment. */
  handle(request: Request): Promise<Response>
}

/** The token issuer of the local system: any name becomes a signed-in user. */
export async function createDevTokens(dataDir: string): Promise<DevTokens> {
  const { tokenKey, cursorSecret, urlSecret } = await loadSecrets(join(dataDir, 'secrets.json'))
  const key = await importJWK(tokenKey, 'ES256')
  const { d: _private, ...publicKey } = tokenKey

  async function issue(request: Request): Promise<Response> {
    const body: unknown = await request.json().catch(() => null)
    const asked = TokenRequest.safeParse(body)
    if (!asked.success) {
      return Response.json({ code: 'VALIDATION_FAILED', detail: 'send {"sub": "user-1"}' }, { status: 400 })
    }
    const { sub, scope, expiresInSeconds } = asked.data
    const now = Math.floor(Date.now() / 1000)
    const token = await new SignJWT(scope === undefined ? {} : { scope })
      .setProtectedHeader({ alg: 'ES256', kid: 'dev' })
      .setIssuer(devIssuer)
      .setAudience(devAudience)
      .setSubject(sub)
      .setIssuedAt(now)
      .setExpirationTime(now + expiresInSeconds)
      .sign(key)
    return Response.json({ token })
  }

  const jwks: JSONWebKeySet = { keys: [publicKey] }
  return {
    cursorSecret,
    urlSecret,
    jwks,
    async handle(request) {
      const route = `${request.method} ${new URL(request.url).pathname}`
      if (route === 'POST /dev/token') return issue(request)
      if (route === 'GET /dev/jwks.json') return Response.json(jwks)
      return Response.json(
        { code: 'NOT_FOUND', detail: 'POST /dev/token or GET /dev/jwks.json' },
        { status: 404 },
      )
    },
  }
}

async function loadSecrets(path: string): Promise<DevSecrets> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  if (text !== null) return readSecrets(text, path)
  const { privateKey } = await generateKeyPair('ES256', { extractable: true })
  const tokenKey = {
    ...(await exportJWK(privateKey)),
    kty: 'EC' as const,
    alg: 'ES256',
    kid: 'dev',
    use: 'sig',
  }
  const secret = (): string => randomBytes(32).toString('base64url')
  const secrets: DevSecrets = { tokenKey, cursorSecret: secret(), urlSecret: secret() }
  // Whole or not at all: a crash must not leave half a file that stops every later start.
  await writeFile(`${path}.new`, JSON.stringify(secrets), { mode: 0o600, flush: true })
  await rename(`${path}.new`, path)
  return secrets
}

function readSecrets(text: string, path: string): DevSecrets {
  try {
    return DevSecrets.parse(JSON.parse(text))
  } catch (cause) {
    throw new Error(`${path} is not usable. Delete it: the next start makes new secrets, old tokens end.`, {
      cause,
    })
  }
}
