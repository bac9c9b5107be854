import { ScanCommand } from '@aws-sdk/lib-dynamodb'
import { createLocalJWKSet, exportJWK, generateKeyPair, SignJWT } from 'jose'
import pino from 'pino'
import { Registry } from 'prom-client'
import type { Ledger } from '../../core/ledger.ts'
import type { MetadataStore } from '../../core/metadata-store.ts'
import type { ObjectStore } from '../../core/object-store.ts'
import { startTestS3 } from '../../local/testing/test-s3.ts'
import { createTestLedgerTable, createTestTable } from '../../local/testing/test-table.ts'
import { createBackground } from '../../runtime/background.ts'
import { loadSharp } from '../../runtime/sharp.ts'
import { createDynamoLedger } from '../../stores/dynamo-ledger.ts'
import { createDynamoMetadataStore } from '../../stores/dynamo-metadata-store.ts'
import { createS3ObjectStore } from '../../stores/s3-object-store.ts'
import { type ApiDependencies, defaultLimits } from '../dependencies.ts'
import type { ImageView } from '../image-view.ts'
import { memoryRateLimits } from '../rate-limits.ts'
import { createApi } from '../router.ts'
import { createTidy } from '../tidy.ts'
import { createUploads } from '../uploads.ts'

export const issuer = 'https://issuer.test'
export const audience = 'tintype'
export const cdnUrl = 'https://img.test'

const generous = 1_000_000
const signing = await generateKeyPair('ES256', { extractable: true })

export interface Stores {
  originals: ObjectStore
  variants: ObjectStore
  metadata: MetadataStore
  ledger: Ledger
}

export interface TestWorld extends Stores {
  /** Ends the object store. */
  stop(): Promise<void>
  /** Moves the clock of stores and API. */
  advance(seconds: number): void
  now(): number
  /** Everything there is: keys of both buckets, and the keys of the table's items. */
  everything(): Promise<string[]>
}

/** Buckets and a table of their own, with a clock that tests can move. */
export async function createTestWorld(): Promise<TestWorld> {
  const [s3, table, ledgerTable] = await Promise.all([
    startTestS3(),
    createTestTable(),
    createTestLedgerTable(),
  ])
  const [originals, variants] = await Promise.all(
    ['originals', 'variants'].map(async () =>
      createS3ObjectStore({ client: s3.client, bucket: await s3.createBucket() }),
    ),
  )
  let offset = 0
  const now = (): number => Date.now() + offset
  return {
    originals: originals!,
    variants: variants!,
    stop: () => s3.stop(),
    metadata: createDynamoMetadataStore({ ...table, now }),
    ledger: createDynamoLedger({ ...ledgerTable, now }),
    now,
    advance(seconds) {
      offset += seconds * 1000
    },
    async everything() {
      const { Items = [] } = await table.client.send(new ScanCommand({ TableName: table.table }))
      const items = Items.map((item) => String(item.PK))
      return [...(await keysIn(originals!)), ...(await keysIn(variants!)), ...items].toSorted()
    },
  }
}

export async function keysIn(store: ObjectStore, prefix = ''): Promise<string[]> {
  const keys: string[] = []
  for await (const key of store.list(prefix)) keys.push(key)
  return keys
}

export interface CallOptions {
  /** Whose token is sent; none if null. */
  as?: string | null
  scope?: string
  headers?: Record<string, string>
  body?: BodyInit
  json?: unknown
}

export type TestApi = Awaited<ReturnType<typeof createTestApi>>

/** An API over these stores, with what a test needs to call it and to look behind it. */
export async function createTestApi(world: TestWorld, overrides: Partial<ApiDependencies> = {}) {
  const lines: Record<string, unknown>[] = []
  const log = pino({ level: 'debug' }, { write: (line: string) => void lines.push(JSON.parse(line)) })
  const background = createBackground(log)
  const purged: string[] = []
  const prerendered: string[] = []
  const deps: ApiDependencies = {
    originals: world.originals,
    variants: world.variants,
    metadata: world.metadata,
    ledger: world.ledger,
    loadSharp,
    tokenKeys: createLocalJWKSet({ keys: [{ ...(await exportJWK(signing.publicKey)), alg: 'ES256' }] }),
    issuer,
    audience,
    purge: async (ids) => void purged.push(...ids),
    prerender: async (id) => void prerendered.push(id),
    cdnUrl,
    signingKey: { name: 'a', secret: 'a signing key for tests, 32 bytes' },
    cursorSecret: 'a secret of thirty-two characters',
    limits: defaultLimits,
    rateLimits: memoryRateLimits({
      uploadsPerMinute: generous,
      uploadsPerHour: generous,
      changesPerMinute: generous,
    }),
    corsOrigins: ['https://app.test', 'https://*.example.com'],
    retainOriginals: false,
    now: world.now,
    log,
    metrics: new Registry(),
    background: background.run,
    ...overrides,
  }
  const api = createApi(deps)

  async function call(method: string, path: string, options: CallOptions = {}): Promise<Response> {
    const { as = 'ann', scope, json, headers = {} } = options
    const body = json === undefined ? options.body : JSON.stringify(json)
    const request = new Request(`https://api.test${path}`, {
      method,
      headers: {
        ...(json !== undefined && { 'content-type': 'application/json' }),
        ...(as !== null && { authorization: `Bearer ${await tokenFor(as, { scope, at: world.now() })}` }),
        ...headers,
      },
      ...(body !== undefined && { body, duplex: 'half' }),
    } as RequestInit)
    const response = await api(request)
    // Tests look at what is left of it all, also of what goes on after the answer.
    await background.drain()
    return response
  }

  /** Uploads through POST /images, and fails the test unless that succeeds. */
  async function upload(file: Uint8Array, options: FormOptions & CallOptions = {}): Promise<ImageView> {
    const response = await call('POST', '/images', { ...options, body: formOf(file, options) })
    if (response.status !== 201) throw new Error(`upload answered ${await response.text()}`)
    return (await response.json()) as ImageView
  }

  return {
    api,
    call,
    upload,
    deps,
    lines,
    purged,
    tidy: createTidy(deps),
    complete: createUploads(deps).complete,
    /** Waits for the work that goes on after answers. */
    settled: () => background.drain(),
  }
}

export interface FormOptions {
  filename?: string
  type?: string
  fields?: [name: string, value: string][]
}

export function formOf(
  file: Uint8Array,
  { filename = 'photo.jpg', type = 'image/jpeg', fields = [] }: FormOptions = {},
): FormData {
  const form = new FormData()
  for (const [name, value] of fields) form.append(name, value)
  form.append('file', new Blob([new Uint8Array(file)], { type }), filename)
  return form
}

export interface TokenOptions {
  scope?: string | undefined
  at?: number
  issuer?: string
  audience?: string
  lifeSeconds?: number
  key?: CryptoKey
}

/** A token as the issuer gives it, or with something wrong with it. */
export async function tokenFor(userId: string, options: TokenOptions = {}): Promise<string> {
  const at = Math.floor((options.at ?? Date.now()) / 1000)
  return new SignJWT(options.scope === undefined ? {} : { scope: options.scope })
    .setProtectedHeader({ alg: 'ES256' })
    .setSubject(userId)
    .setIssuer(options.issuer ?? issuer)
    .setAudience(options.audience ?? audience)
    .setIssuedAt(at)
    .setExpirationTime(at + (options.lifeSeconds ?? 600))
    .sign(options.key ?? signing.privateKey)
}

export interface ProblemBody {
  code: string
  status: number
  detail: string
  requestId: string
  errors?: { path: string; message: string }[]
  currentVersion?: number
}

export async function problemIn(response: Response): Promise<ProblemBody> {
  if (response.headers.get('content-type') !== 'application/problem+json') {
    throw new Error(`not a problem but ${response.status} ${await response.text()}`)
  }
  return (await response.json()) as ProblemBody
}

/** Status and code of a refusal. */
export async function refusal(response: Response): Promise<string> {
  const { status, code } = await problemIn(response)
  if (status !== response.status) throw new Error(`status ${response.status} with ${status} in its body`)
  return `${status} ${code}`
}
