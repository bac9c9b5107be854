import type { JWTVerifyGetKey } from 'jose'
import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import type sharp from 'sharp'
import type { Ledger } from '../core/ledger.ts'
import type { MetadataStore } from '../core/metadata-store.ts'
import type { ObjectStore } from '../core/object-store.ts'
import type { RateLimits } from './rate-limits.ts'
import type { SigningKey } from './sign.ts'

/** All that the API needs from outside. */
export interface ApiDependencies {
  originals: ObjectStore
  variants: ObjectStore
  metadata: MetadataStore
  ledger: Ledger
  /**
   * sharp, with every loader blocked but JPEG, PNG, WebP, GIF and HEIF. A function, because loading it is the
   * longest part of a cold start and reads never need it.
   */
  loadSharp: () => Promise<typeof sharp>
  /** Finds the key of a token: jose's `createRemoteJWKSet` or `createLocalJWKSet`. */
  tokenKeys: JWTVerifyGetKey
  /** What `iss` and `aud` of a token must be. */
  issuer: string
  audience: string
  /** Takes everything that belongs to these images out of the CDN. */
  purge: (imageIds: string[]) => Promise<void>
  /** Has variants of an image that has a new original made before anyone asks; may do nothing. */
  prerender: (imageId: string) => Promise<void>
  /** Base of the image URLs, such as `https://img.example.com`. */
  cdnUrl: string
  /** Signs the URLs of private images; the edge function has the same key under the same name. */
  signingKey: SigningKey
  /** Signs the cursors of lists; at least 32 random bytes, as text. */
  cursorSecret: string
  limits: Limits
  rateLimits: RateLimits
  /** Origins that browsers may call from; `https://*.example.com` stands for every subdomain of it. */
  corsOrigins: readonly string[]
  /** Keep originals that were replaced or deleted, as long as a rollback may need them. */
  retainOriginals: boolean
  /** Milliseconds since the epoch. */
  now: () => number
  log: Logger
  metrics: Registry
  /** Takes work that goes on after the answer; the host awaits it before it stops or freezes. */
  background: (task: Promise<unknown>) => void
}

/** What uploads need; without a token's means, so that an event of the object store can complete one too. */
export type UploadDependencies = Pick<
  ApiDependencies,
  | 'originals'
  | 'metadata'
  | 'loadSharp'
  | 'limits'
  | 'prerender'
  | 'cdnUrl'
  | 'signingKey'
  | 'retainOriginals'
  | 'now'
  | 'log'
  | 'metrics'
  | 'background'
>

export interface Limits {
  /** Largest file that goes through the API itself. */
  uploadBytesMax: number
  /** Largest file that goes straight to the object store. */
  directUploadBytesMax: number
  /** Bounds of width and height, in pixels, upright. */
  sidePixelsMin: number
  sidePixelsMax: number
  /** Bound of width x height, over all frames of an animation. */
  inputPixelsMax: number
}

/** As S3 and API Gateway count them. */
const megabyte = 1024 * 1024

export const defaultLimits: Limits = {
  uploadBytesMax: 10 * megabyte,
  directUploadBytesMax: 50 * megabyte,
  sidePixelsMin: 100,
  sidePixelsMax: 8_000,
  inputPixelsMax: 50_000_000,
}
