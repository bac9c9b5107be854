import { checksumHeader } from './checksums.ts'
import { checkCopyConditions, checkReadConditions, parseWriteCondition } from './conditions.ts'
import { S3Error } from './errors.ts'
import { describeObject, headerSafe, type ObjectRecord } from './object-record.ts'
import type { Operation } from './operation.ts'
import { decodeStrictly } from './percent-encoding.ts'
import { type Checksum, digestContent, receiveBody } from './received-body.ts'
import type { S3Request } from './s3-request.ts'
import { type S3Response, xmlResponse } from './s3-response.ts'

const OVERRIDABLE_HEADERS = [
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-type',
  'expires',
]

export const putObject: Operation = async (request, payload, { store, notifications }) => {
  const condition = parseWriteCondition(request.headers)
  const description = describeObject(request.headers)
  store.bucket(request.bucket)
  const staged = await store.stage(receiveBody(request, payload))
  const object = await store.putObject(request.bucket, request.key, staged, description, condition)
  notifications.announce('ObjectCreated:Put', request, object)
  return { status: 200, headers: { etag: `"${object.etag}"`, ...checksumHeaders(object.checksum) } }
}

export const copyObject: Operation = async (request, _payload, { store, notifications }) => {
  const condition = parseWriteCondition(request.headers)
  const source = parseCopySource(request.headers.get('x-amz-copy-source') ?? '')
  store.bucket(request.bucket)
  const { record, file } = await store.openObject(source.bucket, source.key)
  try {
    checkCopyConditions(request.headers, record)
    const description = describeCopy(request, source, record)
    const content = digestContent(file.createReadStream({ autoClose: false }), record.checksum?.algorithm)
    const staged = await store.stage(content)
    const object = await store.putObject(request.bucket, request.key, staged, description, condition)
    notifications.announce('ObjectCreated:Copy', request, object)
    return xmlResponse('CopyObjectResult', {
      ETag: `"${object.etag}"`,
      LastModified: object.lastModified,
      ...checksumElement(object.checksum),
    })
  } finally {
    await file.close()
  }
}

export const deleteObject: Operation = async (request, _payload, { store, notifications }) => {
  const condition = parseWriteCondition(request.headers)
  const removed = await store.deleteObject(request.bucket, request.key, condition)
  if (removed) notifications.announce('ObjectRemoved:Delete', request, removed)
  return { status: 204 }
}

export const headObject: Operation = (request, _payload, { store }) => {
  const object = store.headObject(request.bucket, request.key)
  checkReadConditions(request.headers, object)
  const range = parseRange(request.headers.get('range'), object.sizeBytes)
  return { status: range.isPartial ? 206 : 200, headers: objectHeaders(request, object, range) }
}

export const getObject: Operation = async (request, _payload, { store }) => {
  const { record, file } = await store.openObject(request.bucket, request.key)
  try {
    checkReadConditions(request.headers, record)
    const range = parseRange(request.headers.get('range'), record.sizeBytes)
    const response: S3Response = {
      status: range.isPartial ? 206 : 200,
      headers: objectHeaders(request, record, range),
    }
    if (range.lengthBytes > 0) return { ...response, body: { file, ...range } }
    await file.close()
    return response
  } catch (error) {
    await file.close()
    throw error
  }
}

export const getObjectAttributes: Operation = (request, _payload, { store }) => {
  const object = store.headObject(request.bucket, request.key)
  const wanted = (request.headers.get('x-amz-object-attributes') ?? '').split(/\s*,\s*/)
  const ifWanted = <Content>(name: string, content: Content) => (wanted.includes(name) ? content : undefined)
  return xmlResponse(
    'GetObjectAttributesResponse',
    {
      ETag: ifWanted('ETag', object.etag),
      Checksum: ifWanted('Checksum', object.checksum && checksumElement(object.checksum)),
      StorageClass: ifWanted('StorageClass', 'STANDARD'),
      ObjectSize: ifWanted('ObjectSize', object.sizeBytes),
    },
    { 'last-modified': new Date(object.lastModified).toUTCString() },
  )
}

export const getObjectTagging: Operation = (request, _payload, { store }) => {
  const { description } = store.headObject(request.bucket, request.key)
  const tags = [...new URLSearchParams(description.tagging)]
  return xmlResponse('Tagging', { TagSet: { Tag: tags.map(([Key, Value]) => ({ Key, Value })) } })
}

/** The header a checksum is returned in, if there is one. */
export function checksumHeaders(checksum: Checksum | undefined): Record<string, string> {
  if (!checksum) return {}
  return {
    [checksumHeader(checksum.algorithm)]: checksum.value,
    'x-amz-checksum-type': checksumType(checksum),
  }
}

/** The elements a checksum is returned in, if there is one. */
export function checksumElement(checksum: Checksum | undefined): Record<string, string> {
  if (!checksum) return {}
  return { [`Checksum${checksum.algorithm}`]: checksum.value, ChecksumType: checksumType(checksum) }
}

function checksumType({ value }: Checksum): string {
  return value.includes('-') ? 'COMPOSITE' : 'FULL_OBJECT'
}

interface ByteRange {
  readonly isPartial: boolean
  readonly firstByte: number
  readonly lengthBytes: number
}

function parseRange(header: string | undefined, sizeBytes: number): ByteRange {
  const whole = { isPartial: false, firstByte: 0, lengthBytes: sizeBytes }
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? []
  // Several ranges, or no valid one, are answered with the whole object.
  if (first === '' && last === '') return whole
  if (first !== '' && last !== '' && Number(last) < Number(first)) return whole
  const firstByte = first === '' ? Math.max(0, sizeBytes - Number(last)) : Number(first)
  const lastByte = first === '' || last === '' ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1)
  if (firstByte >= sizeBytes || firstByte > lastByte) {
    throw new S3Error('InvalidRange', undefined, { 'content-range': `bytes */${sizeBytes}` })
  }
  return { isPartial: true, firstByte, lengthBytes: lastByte - firstByte + 1 }
}

function objectHeaders(
  { headers, query }: S3Request,
  object: ObjectRecord,
  range: ByteRange,
): Record<string, string> {
  const wantsChecksum = headers.get('x-amz-checksum-mode')?.toUpperCase() === 'ENABLED'
  return {
    ...object.description.headers,
    ...object.description.userMetadata,
    ...overriddenHeaders(query),
    // The checksum of the whole says nothing about a part of it.
    ...(wantsChecksum && !range.isPartial && checksumHeaders(object.checksum)),
    ...(range.isPartial && { 'content-range': formatContentRange(range, object.sizeBytes) }),
    etag: `"${object.etag}"`,
    'last-modified': new Date(object.lastModified).toUTCString(),
    'accept-ranges': 'bytes',
    'content-length': String(range.lengthBytes),
  }
}

function formatContentRange({ firstByte, lengthBytes }: ByteRange, sizeBytes: number): string {
  return `bytes ${firstByte}-${firstByte + lengthBytes - 1}/${sizeBytes}`
}

function overriddenHeaders(query: URLSearchParams): Record<string, string> {
  return Object.fromEntries(
    OVERRIDABLE_HEADERS.flatMap((name) => {
      const value = query.get(`response-${name}`)
      return value === null ? [] : [[name, headerSafe(name, value)]]
    }),
  )
}

interface CopySource {
  readonly bucket: string
  readonly key: string
}

function parseCopySource(header: string): CopySource {
  const [path = '', version] = header.replace(/^\//, '').split('?')
  if (version !== undefined)
    throw new S3Error('NotImplemented', 'Copying a version of an object is not implemented.')
  const [bucket = '', ...keySegments] = path.split('/').map(decodeStrictly)
  // SDKs encode the slash after the bucket as well, or not.
  const decoded = [bucket, ...keySegments].join('/')
  const slash = decoded.indexOf('/')
  if (slash < 1) throw new S3Error('InvalidArgument', 'Copy Source must mention the source bucket and key')
  return { bucket: decoded.slice(0, slash), key: decoded.slice(slash + 1) }
}

function describeCopy(request: S3Request, source: CopySource, { description }: ObjectRecord) {
  const replaces = request.headers.get('x-amz-metadata-directive') === 'REPLACE'
  const replacesTags = request.headers.get('x-amz-tagging-directive') === 'REPLACE'
  if (!replaces && !replacesTags && source.bucket === request.bucket && source.key === request.key) {
    throw new S3Error('InvalidRequest', 'Copying an object to itself requires changing its metadata.')
  }
  const fresh = describeObject(request.headers)
  return {
    ...(replaces ? fresh : description),
    tagging: (replacesTags ? fresh : description).tagging,
  }
}
