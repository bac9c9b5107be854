import { CHECKSUM_ALGORITHMS, type ChecksumAlgorithm, parseChecksumAlgorithm } from './checksums.ts'
import { parseWriteCondition, unquote } from './conditions.ts'
import { S3Error } from './errors.ts'
import type { PartClaim, UploadRecord } from './multipart.ts'
import { checksumElement, checksumHeaders } from './object-operations.ts'
import { describeObject } from './object-record.ts'
import type { Operation } from './operation.ts'
import { encodeKey } from './percent-encoding.ts'
import { readDocument, receiveBody } from './received-body.ts'
import type { S3Request } from './s3-request.ts'
import { xmlResponse } from './s3-response.ts'
import { childElements, childText, type ParsedElement, parseXml } from './xml.ts'

const PARTS_PER_PAGE = 1000

export const createMultipartUpload: Operation = async (request, _payload, { uploads }) => {
  const { bucket, key, headers } = request
  const { uploadId, checksum } = await uploads.create(
    bucket,
    key,
    describeObject(headers),
    announcedChecksum(headers),
  )
  return xmlResponse(
    'InitiateMultipartUploadResult',
    { Bucket: bucket, Key: key, UploadId: uploadId },
    checksum && { 'x-amz-checksum-algorithm': checksum.algorithm, 'x-amz-checksum-type': checksum.type },
  )
}

export const uploadPart: Operation = async (request, payload, { store, uploads }) => {
  const { bucket, key, query } = request
  const uploadId = uploadIdOf(request)
  uploads.find(bucket, key, uploadId)
  const staged = await store.stage(receiveBody(request, payload))
  const part = await uploads.putPart(bucket, key, uploadId, Number(query.get('partNumber')), staged)
  return { status: 200, headers: { etag: `"${part.etag}"`, ...checksumHeaders(part.checksum) } }
}

export const listParts: Operation = (request, _payload, { uploads }) => {
  const { bucket, key, query } = request
  const uploadId = uploadIdOf(request)
  const marker = Number(query.get('part-number-marker') ?? 0)
  const maxParts = Math.min(Number(query.get('max-parts') ?? PARTS_PER_PAGE), PARTS_PER_PAGE)
  const remaining = uploads.parts(bucket, key, uploadId).filter(({ partNumber }) => partNumber > marker)
  const page = remaining.slice(0, maxParts)
  return xmlResponse('ListPartsResult', {
    Bucket: bucket,
    Key: key,
    UploadId: uploadId,
    PartNumberMarker: marker,
    NextPartNumberMarker: page.at(-1)?.partNumber,
    MaxParts: maxParts,
    IsTruncated: page.length < remaining.length,
    Part: page.map((part) => ({
      PartNumber: part.partNumber,
      LastModified: part.lastModified,
      ETag: `"${part.etag}"`,
      Size: part.sizeBytes,
      ...(part.checksum && { [`Checksum${part.checksum.algorithm}`]: part.checksum.value }),
    })),
  })
}

export const completeMultipartUpload: Operation = async (request, payload, { uploads, notifications }) => {
  const { bucket, key, headers } = request
  const uploadId = uploadIdOf(request)
  uploads.find(bucket, key, uploadId)
  const condition = parseWriteCondition(headers)
  const claims = parsePartClaims(await readDocument(request, payload))
  const object = await uploads.complete(bucket, key, uploadId, claims, condition)
  notifications.announce('ObjectCreated:CompleteMultipartUpload', request, object)
  return xmlResponse('CompleteMultipartUploadResult', {
    Location: `/${bucket}/${encodeKey(key)}`,
    Bucket: bucket,
    Key: key,
    ETag: `"${object.etag}"`,
    ...checksumElement(object.checksum),
  })
}

export const abortMultipartUpload: Operation = async (request, _payload, { uploads }) => {
  await uploads.abort(request.bucket, request.key, uploadIdOf(request))
  return { status: 204 }
}

export const listMultipartUploads: Operation = ({ bucket, query }, _payload, { store, uploads }) => {
  store.bucket(bucket)
  const prefix = query.get('prefix') ?? ''
  return xmlResponse('ListMultipartUploadsResult', {
    Bucket: bucket,
    Prefix: prefix,
    IsTruncated: false,
    Upload: uploads.list(bucket, prefix).map(({ key, uploadId, initiatedAt }) => ({
      Key: key,
      UploadId: uploadId,
      Initiated: initiatedAt,
      StorageClass: 'STANDARD',
    })),
  })
}

function uploadIdOf({ query }: S3Request): string {
  return query.get('uploadId') ?? ''
}

function announcedChecksum(headers: ReadonlyMap<string, string>): UploadRecord['checksum'] {
  const algorithm = parseChecksumAlgorithm(headers.get('x-amz-checksum-algorithm'))
  if (!algorithm) return undefined
  const type = headers.get('x-amz-checksum-type') ?? defaultChecksumType(algorithm)
  if (type === 'COMPOSITE' || type === 'FULL_OBJECT') return { algorithm, type }
  throw new S3Error('InvalidRequest', 'Value for x-amz-checksum-type header is invalid.')
}

function defaultChecksumType(algorithm: ChecksumAlgorithm): string {
  return algorithm === 'CRC64NVME' ? 'FULL_OBJECT' : 'COMPOSITE'
}

function parsePartClaims(document: string): PartClaim[] {
  return childElements(parseXml(document, 'CompleteMultipartUpload'), 'Part').map((part) => ({
    partNumber: Number(childText(part, 'PartNumber')),
    etag: unquote(childText(part, 'ETag') ?? ''),
    checksums: parseChecksums(part),
  }))
}

function parseChecksums(part: ParsedElement): PartClaim['checksums'] {
  return Object.fromEntries(
    CHECKSUM_ALGORITHMS.flatMap((algorithm) => {
      const value = childText(part, `Checksum${algorithm}`)
      return value === undefined ? [] : [[algorithm, value]]
    }),
  )
}
