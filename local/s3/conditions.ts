import { S3Error } from './errors.ts'

/** What must hold for a write to take place. */
export type WriteCondition =
  | { readonly kind: 'always' }
  | { readonly kind: 'if-absent' }
  | { readonly kind: 'if-match'; readonly etag: string }

interface Validators {
  readonly etag: string
  /** ISO 8601. */
  readonly lastModified: string
}

/**
 * Reads `If-None-Match: *` or `If-Match: etag` of a write.
 *
 * @throws {S3Error} `NotImplemented` for `If-None-Match` with anything but `*`, as S3 does.
 */
export function parseWriteCondition(headers: ReadonlyMap<string, string>): WriteCondition {
  const ifNoneMatch = headers.get('if-none-match')
  const ifMatch = headers.get('if-match')
  if (ifNoneMatch === '*') return { kind: 'if-absent' }
  if (ifNoneMatch !== undefined) throw new S3Error('NotImplemented', 'If-None-Match of a write must be *')
  if (ifMatch !== undefined) return { kind: 'if-match', etag: unquote(ifMatch) }
  return { kind: 'always' }
}

/** @throws {S3Error} `PreconditionFailed`, or `NoSuchKey` when there is nothing to match. */
export function checkWriteCondition(condition: WriteCondition, current: Validators | undefined): void {
  if (condition.kind === 'if-absent' && current) throw new S3Error('PreconditionFailed')
  if (condition.kind !== 'if-match') return
  if (!current) throw new S3Error('NoSuchKey')
  if (condition.etag !== '*' && condition.etag !== current.etag) throw new S3Error('PreconditionFailed')
}

/**
 * Checks the conditional headers of a read, in the order of RFC 9110.
 *
 * @throws {S3Error} `PreconditionFailed`, or `NotModified` with the headers a 304 must carry.
 */
export function checkReadConditions(headers: ReadonlyMap<string, string>, object: Validators): void {
  if (!isStillAsExpected(headers, '', object)) throw new S3Error('PreconditionFailed')
  if (isUnchanged(headers, '', object)) {
    throw new S3Error('NotModified', undefined, {
      etag: `"${object.etag}"`,
      'last-modified': new Date(object.lastModified).toUTCString(),
    })
  }
}

/** Checks the `x-amz-copy-source-if-*` headers. @throws {S3Error} `PreconditionFailed` */
export function checkCopyConditions(headers: ReadonlyMap<string, string>, source: Validators): void {
  const prefix = 'x-amz-copy-source-'
  if (!isStillAsExpected(headers, prefix, source) || isUnchanged(headers, prefix, source)) {
    throw new S3Error('PreconditionFailed')
  }
}

function isStillAsExpected(
  headers: ReadonlyMap<string, string>,
  prefix: string,
  { etag, lastModified }: Validators,
): boolean {
  const ifMatch = headers.get(`${prefix}if-match`)
  if (ifMatch !== undefined) return listsEtag(ifMatch, etag)
  const ifUnmodifiedSince = headers.get(`${prefix}if-unmodified-since`)
  return ifUnmodifiedSince === undefined || !(wholeSeconds(lastModified) > Date.parse(ifUnmodifiedSince))
}

function isUnchanged(
  headers: ReadonlyMap<string, string>,
  prefix: string,
  { etag, lastModified }: Validators,
): boolean {
  const ifNoneMatch = headers.get(`${prefix}if-none-match`)
  if (ifNoneMatch !== undefined) return listsEtag(ifNoneMatch, etag)
  const ifModifiedSince = headers.get(`${prefix}if-modified-since`)
  return ifModifiedSince !== undefined && wholeSeconds(lastModified) <= Date.parse(ifModifiedSince)
}

function listsEtag(list: string, etag: string): boolean {
  return list
    .split(',')
    .map((item) => unquote(item.trim()))
    .some((item) => item === '*' || item === etag)
}

/** Takes the quotes, and the weakness, off an entity tag. */
export function unquote(etag: string): string {
  return etag.replace(/^W\//, '').replaceAll('"', '')
}

// HTTP dates have no fractions.
function wholeSeconds(isoDate: string): number {
  return Math.floor(Date.parse(isoDate) / 1000) * 1000
}
