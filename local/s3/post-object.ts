import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import busboy from 'busboy'
import { S3Error } from './errors.ts'
import type { DiskStore, StagedObject } from './disk-store.ts'
import { describeObject, type ObjectDescription, type ObjectRecord } from './object-record.ts'
import type { Services } from './operation.ts'
import { encodeKey } from './percent-encoding.ts'
import { checkPostPolicy, type SizeLimits } from './post-policy.ts'
import { receiveFile } from './received-body.ts'
import { checkKey, type S3Request } from './s3-request.ts'
import type { S3Response } from './s3-response.ts'
import { type Credentials, verifyPolicySignature } from './signature.ts'
import { xmlDocument } from './xml.ts'

const FIELD_BYTES_MAX = 20 * 1024
const FIELDS_MAX = 100
const ONE_FILE = 'POST requires exactly one file upload per request.'

type FormFields = ReadonlyMap<string, string>

/** Whether a request is an upload by a browser form, which carries its authorization in a signed policy. */
export function isPostObject({ method, bucket, key, headers }: S3Request): boolean {
  const contentType = headers.get('content-type') ?? ''
  return method === 'POST' && bucket !== '' && key === '' && /^multipart\/form-data\b/i.test(contentType)
}

/**
 * Stores the file of a browser form, if the form's policy is signed and allows it.
 *
 * @param now Milliseconds since the epoch.
 * @throws {S3Error} `AccessDenied`, `SignatureDoesNotMatch`, `InvalidAccessKeyId`, `EntityTooLarge`,
 *   `EntityTooSmall`, `InvalidArgument`, `MalformedPOSTRequest`, `NoSuchBucket`.
 */
export async function postObject(
  request: S3Request,
  { store, notifications }: Services,
  credentials: Credentials,
  now: number,
): Promise<S3Response> {
  store.bucket(request.bucket)
  const { fields, upload } = await readForm(request, store, async (received, content) => {
    const { key, limits } = authorizeForm(request, received, credentials, now)
    const description = describeObject(received)
    return { key, description, file: await stageFile(store, content, received, limits) }
  })
  const { key, file, description } = upload
  const object = await store.putObject(request.bucket, key, file, description, { kind: 'always' })
  notifications.announce('ObjectCreated:Post', request, object)
  return successResponse(request, fields, object)
}

function authorizeForm(
  request: S3Request,
  fields: FormFields,
  credentials: Credentials,
  now: number,
): { key: string; limits: SizeLimits } {
  const policy = fields.get('policy')
  if (policy === undefined) throw new S3Error('AccessDenied', 'The form has no policy.')
  const credential = required(fields, 'x-amz-credential')
  verifyPolicySignature(credentials, credential, policy, required(fields, 'x-amz-signature'))
  const limits = checkPostPolicy(policy, new Map([...fields, ['bucket', request.bucket]]), now)
  return { key: checkKey(required(fields, 'key')), limits }
}

async function stageFile(
  store: DiskStore,
  content: Readable,
  fields: FormFields,
  { bytesMin, bytesMax }: SizeLimits,
): Promise<StagedObject> {
  const file = await store.stage(receiveFile(content as AsyncIterable<Buffer>, fields, bytesMax))
  if (file.sizeBytes >= bytesMin) return file
  await store.discard(file)
  throw new S3Error('EntityTooSmall')
}

interface FormUpload {
  readonly key: string
  readonly description: ObjectDescription
  readonly file: StagedObject
}

/**
 * Reads a form whose last field is the file: what comes after the file is ignored. The file goes to `receive`
 * together with the fields before it. Resolves once the form has come to its end, so that a form cut short stores
 * nothing.
 */
async function readForm(
  request: S3Request,
  store: DiskStore,
  receive: (fields: FormFields, content: Readable) => Promise<FormUpload>,
): Promise<{ fields: FormFields; upload: FormUpload }> {
  const parser = createFormParser(request)
  const fields = new Map<string, string>()
  let receiving: Promise<FormUpload> | undefined
  parser.on('field', (name, value, { valueTruncated }) => {
    if (receiving) return
    if (valueTruncated) parser.destroy(new S3Error('MaxPostPreDataLengthExceeded'))
    fields.set(name.toLowerCase(), value)
  })
  parser.on('file', (name, content, { filename = '' }) => {
    // When the form fails before anyone reads the file, its stream fails too, unheard.
    content.on('error', () => {})
    fields.set(
      'key',
      (fields.get('key') ?? '').replaceAll('${filename}', () => filename),
    )
    receiving =
      name === 'file' ? receive(fields, content) : Promise.reject(new S3Error('InvalidArgument', ONE_FILE))
    receiving.catch((error: Error) => parser.destroy(error))
  })
  try {
    await pipeline(request.body.iterator({ destroyOnReturn: false }), parser)
  } catch (error) {
    await receiving?.then(
      ({ file }) => store.discard(file),
      () => {},
    )
    throw isParserError(error) ? new S3Error('MalformedPOSTRequest') : error
  }
  if (!receiving) throw new S3Error('InvalidArgument', ONE_FILE)
  return { fields, upload: await receiving }
}

// Busboy's errors have nothing but a message; those of files and sockets have a code, as ours do.
function isParserError(error: unknown): boolean {
  return error instanceof Error && !('code' in error)
}

function createFormParser(request: S3Request): busboy.Busboy {
  try {
    return busboy({
      headers: request.body.headers,
      defParamCharset: 'utf8',
      limits: { files: 1, fields: FIELDS_MAX, fieldSize: FIELD_BYTES_MAX },
    })
  } catch {
    throw new S3Error('MalformedPOSTRequest')
  }
}

function required(fields: FormFields, name: string): string {
  const value = fields.get(name)
  if (value === undefined || value === '') {
    throw new S3Error('InvalidArgument', `Bucket POST must contain a field named '${name}'.`)
  }
  return value
}

function successResponse({ bucket }: S3Request, fields: FormFields, object: ObjectRecord): S3Response {
  const etag = `"${object.etag}"`
  const redirect = fields.get('success_action_redirect')
  if (redirect !== undefined && URL.canParse(redirect)) {
    const location = new URL(redirect)
    location.searchParams.append('bucket', bucket)
    location.searchParams.append('key', object.key)
    location.searchParams.append('etag', etag)
    return { status: 303, headers: { location: location.href, etag } }
  }
  const location = `/${bucket}/${encodeKey(object.key)}`
  const status = fields.get('success_action_status')
  if (status === '200') return { status: 200, headers: { location, etag } }
  if (status !== '201') return { status: 204, headers: { location, etag } }
  const content = { Location: location, Bucket: bucket, Key: object.key, ETag: etag }
  const headers = { location, etag, 'content-type': 'application/xml' }
  return { status: 201, headers, body: xmlDocument('PostResponse', content) }
}
