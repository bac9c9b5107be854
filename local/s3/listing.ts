import { S3Error } from './errors.ts'
import { compareUtf8, type KeyIndex } from './key-index.ts'

export interface ListingQuery {
  readonly prefix: string
  readonly delimiter: string | undefined
  readonly maxKeys: number
  readonly start: ListingStart
}

/** Where a page begins: at the first key, after a key, or after all keys below a common prefix. */
export type ListingStart =
  | { readonly kind: 'beginning' }
  | { readonly kind: 'after-key'; readonly key: string }
  | { readonly kind: 'after-prefix'; readonly prefix: string }

export interface ListingPage<Value> {
  readonly contents: readonly Value[]
  readonly commonPrefixes: readonly string[]
  /** Where the next page begins; absent on the last page. */
  readonly next: ListingStart | undefined
}

/** One page of a listing, in key order; keys that share a prefix up to the delimiter are rolled up into it. */
export function listPage<Value extends { readonly key: string }>(
  index: KeyIndex<Value>,
  query: ListingQuery,
): ListingPage<Value> {
  const contents: Value[] = []
  const commonPrefixes: string[] = []
  let position = query.start
  for (let entry = seek(index, query, position); entry; entry = seek(index, query, position)) {
    if (contents.length + commonPrefixes.length >= query.maxKeys) {
      return { contents, commonPrefixes, next: query.maxKeys === 0 ? undefined : position }
    }
    const commonPrefix = commonPrefixOf(entry.key, query)
    if (commonPrefix === undefined) {
      contents.push(entry)
      position = { kind: 'after-key', key: entry.key }
    } else {
      commonPrefixes.push(commonPrefix)
      position = { kind: 'after-prefix', prefix: commonPrefix }
    }
  }
  return { contents, commonPrefixes, next: undefined }
}

/** Writes a position as an opaque continuation token. */
export function formatContinuationToken(start: ListingStart): string {
  return Buffer.from(JSON.stringify(start)).toString('base64url')
}

/** @throws {S3Error} `InvalidArgument` when the token is not one of ours. */
export function parseContinuationToken(token: string): ListingStart {
  try {
    const start = JSON.parse(Buffer.from(token, 'base64url').toString()) as Record<string, unknown>
    if (start.kind === 'after-key' && typeof start.key === 'string')
      return { kind: start.kind, key: start.key }
    if (start.kind === 'after-prefix' && typeof start.prefix === 'string') {
      return { kind: start.kind, prefix: start.prefix }
    }
  } catch {
    // Reported below, like every other token that is not ours.
  }
  throw new S3Error('InvalidArgument', 'The continuation token provided is incorrect')
}

function seek<Value extends { readonly key: string }>(
  index: KeyIndex<Value>,
  { prefix }: ListingQuery,
  position: ListingStart,
): Value | undefined {
  const entry = index.firstFrom((key) => compareUtf8(key, prefix) < 0 || isAtOrBefore(key, position))
  return entry?.key.startsWith(prefix) ? entry : undefined
}

function isAtOrBefore(key: string, position: ListingStart): boolean {
  switch (position.kind) {
    case 'beginning':
      return false
    case 'after-key':
      return compareUtf8(key, position.key) <= 0
    case 'after-prefix':
      return compareUtf8(key, position.prefix) <= 0 || key.startsWith(position.prefix)
  }
}

function commonPrefixOf(key: string, { prefix, delimiter }: ListingQuery): string | undefined {
  if (delimiter === undefined) return undefined
  const at = key.indexOf(delimiter, prefix.length)
  return at < 0 ? undefined : key.slice(0, at + delimiter.length)
}
