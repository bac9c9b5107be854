import { z } from 'zod'
import { CHECKSUM_ALGORITHMS } from './checksums.ts'
import { S3Error } from './errors.ts'

/** What a client says about an object besides its bytes. */
export const ObjectDescription = z.object({
  /** Standard fields that are sent back as they came, `content-type` among them. */
  headers: z.record(z.string(), z.string()),
  /** The `x-amz-meta-*` fields, by their full names. */
  userMetadata: z.record(z.string(), z.string()),
  /** As in `x-amz-tagging`: a URL query. */
  tagging: z.string(),
})
export type ObjectDescription = z.infer<typeof ObjectDescription>

export const StoredChecksum = z.object({ algorithm: z.enum(CHECKSUM_ALGORITHMS), value: z.string() })

/** An object as its metadata document describes it. */
export const ObjectRecord = z.object({
  key: z.string(),
  /** The name of the file that holds the bytes. */
  dataFile: z.string(),
  sizeBytes: z.number(),
  /** Without quotes. */
  etag: z.string(),
  /** ISO 8601. */
  lastModified: z.string(),
  checksum: StoredChecksum.optional(),
  description: ObjectDescription,
})
export type ObjectRecord = z.infer<typeof ObjectRecord>

const KEPT_HEADERS = new Set([
  'content-type',
  'cache-control',
  'content-disposition',
  'content-language',
  'expires',
])
const USER_METADATA_PREFIX = 'x-amz-meta-'

/**
 * Reads the description of an object from request headers, or from form fields that stand for them.
 *
 * @throws {S3Error} `InvalidArgument` for values that cannot be sent back in a header.
 */
export function describeObject(fields: ReadonlyMap<string, string>): ObjectDescription {
  const headers: Record<string, string> = { 'content-type': 'binary/octet-stream' }
  const userMetadata: Record<string, string> = {}
  for (const [name, value] of fields) {
    if (KEPT_HEADERS.has(name) && value !== '') headers[name] = headerSafe(name, value)
    if (name.startsWith(USER_METADATA_PREFIX)) userMetadata[name] = headerSafe(name, value)
  }
  const contentEncoding = contentEncodingOf(fields.get('content-encoding') ?? '')
  if (contentEncoding !== '') headers['content-encoding'] = headerSafe('content-encoding', contentEncoding)
  return { headers, userMetadata, tagging: fields.get('x-amz-tagging') ?? '' }
}

// `aws-chunked` is about the transfer, not the object.
function contentEncodingOf(value: string): string {
  return value
    .split(',')
    .map((coding) => coding.trim())
    .filter((coding) => coding !== '' && coding !== 'aws-chunked')
    .join(',')
}

/**
 * Makes a value one that can be sent in a header.
 *
 * @throws {S3Error} `InvalidArgument` for control characters.
 */
export function headerSafe(name: string, value: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what this is about
  if (/[\x00-\x08\x0a-\x1f\x7f]/.test(value)) {
    throw new S3Error('InvalidArgument', `Control characters in ${name}`)
  }
  // Node writes headers in Latin-1. Other text comes from forms and queries; it travels as its UTF-8 bytes.
  const isLatin1 = Buffer.from(value, 'latin1').toString('latin1') === value
  return isLatin1 ? value : Buffer.from(value).toString('latin1')
}
