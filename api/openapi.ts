import { z } from 'zod'
import { ImageChanges, ListParameters } from './images.ts'
import { ImageView } from './image-view.ts'
import { ImageLedgerView, LedgerParameters, LedgerView } from './ledger.ts'
import { type ProblemCode, problemStatus } from './problems.ts'
import { IssuedSignature, SignatureRequest } from './signatures.ts'
import { NewUpload, UploadFields } from './upload-fields.ts'

type Json = Readonly<Record<string, unknown>>

interface Operation {
  summary: string
  description?: string
  /** Open to all: no token. */
  open?: true
  parameters?: Json[]
  requestBody?: Json
  /** The answer when all is well. */
  success: { status: number; description: string; content?: Json; headers?: Json }
  /** Answers that are neither success nor problem. */
  otherwise?: Json
  /** Codes of this operation, beside those that every one may answer. */
  problems?: ProblemCode[]
}

const ImageList = z.strictObject({
  images: z.array(ImageView),
  pagination: z.strictObject({ limit: z.int(), hasMore: z.boolean(), nextCursor: z.string().nullable() }),
})

const BegunUpload = z.strictObject({
  image: ImageView,
  upload: z
    .strictObject({
      method: z.literal('POST'),
      url: z.string(),
      fields: z
        .record(z.string(), z.string())
        .describe('Come first in the form, in this order; then `file`.'),
      bytesMax: z.int(),
      expiresAt: z.iso.datetime(),
    })
    .nullable()
    .describe('Null where a repeated request finds the upload completed.'),
})

const ProblemDetails = z.object({
  type: z.literal('about:blank'),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.enum(Object.keys(problemStatus) as [ProblemCode, ...ProblemCode[]]),
  requestId: z.string(),
  errors: z
    .array(z.object({ path: z.string(), message: z.string() }))
    .optional()
    .describe('With VALIDATION_FAILED: what is wrong, and where.'),
  currentVersion: z.int().optional().describe('With VERSION_MISMATCH.'),
})

const schemas: Record<string, z.ZodType> = {
  Image: ImageView,
  ImageList,
  ImageChanges,
  NewUpload,
  BegunUpload,
  SignatureRequest,
  IssuedSignature,
  Ledger: LedgerView,
  ImageLedger: ImageLedgerView,
  Problem: ProblemDetails,
}

const image = { 'application/json': { schema: refTo('Image') } }
const etag = { ETag: { description: 'The version, for If-Match.', schema: { type: 'string' } } }
const anyImage = {
  'image/*': { schema: { type: 'string', format: 'binary' } },
  'application/octet-stream': { schema: { type: 'string', format: 'binary' } },
}
const imageId: Json = {
  name: 'id',
  in: 'path',
  required: true,
  description: 'A ULID; a UUID for migrated images.',
  schema: { type: 'string' },
}
const ifMatch = header('If-Match', 'The ETag of the version that is changed.')
const idempotencyKey = header(
  'Idempotency-Key',
  'Repeating a request with the same key for 24 hours makes one image, and gives the same answer.',
)
const fileProblems: ProblemCode[] = [
  'INVALID_FILE_TYPE',
  'IMAGE_TOO_LARGE',
  'IMAGE_UNPROCESSABLE',
  'UNSUPPORTED_MEDIA_TYPE',
  'VALIDATION_FAILED',
]

const operations: Readonly<Record<string, Readonly<Record<string, Operation>>>> = {
  '/images': {
    get: {
      summary: 'List images, newest first',
      parameters: queryParameters(ListParameters),
      success: {
        status: 200,
        description: 'One page.',
        content: { 'application/json': { schema: refTo('ImageList') } },
      },
      problems: ['VALIDATION_FAILED', 'INVALID_CURSOR', 'NOT_AUTHORIZED'],
    },
    post: {
      summary: 'Upload an image',
      parameters: [idempotencyKey],
      requestBody: {
        required: true,
        content: { 'multipart/form-data': { schema: uploadForm(jsonSchemaOf(UploadFields)) } },
      },
      success: { status: 201, description: 'The new image.', content: image, headers: etag },
      problems: [
        ...fileProblems,
        'NOT_AUTHORIZED',
        'IMAGE_NOT_FOUND',
        'IDEMPOTENCY_KEY_REUSED',
        'RATE_LIMITED',
      ],
    },
  },
  '/images/{id}': {
    get: {
      summary: 'Read an image',
      parameters: [imageId, header('If-None-Match', 'The ETag of the copy at hand: 304 if it is current.')],
      success: { status: 200, description: 'The image.', content: image, headers: etag },
      otherwise: { 304: { description: 'The copy at hand is current.' } },
      problems: ['NOT_AUTHORIZED', 'IMAGE_NOT_FOUND'],
    },
    patch: {
      summary: 'Change what is said of an image',
      description: 'A member left out stays as it is, null clears it.',
      parameters: [imageId, ifMatch],
      requestBody: { required: true, content: { 'application/json': { schema: refTo('ImageChanges') } } },
      success: { status: 200, description: 'The image as it is now.', content: image, headers: etag },
      problems: [
        'VALIDATION_FAILED',
        'UNSUPPORTED_MEDIA_TYPE',
        'NOT_AUTHORIZED',
        'IMAGE_NOT_FOUND',
        'VERSION_MISMATCH',
        'RATE_LIMITED',
      ],
    },
    delete: {
      summary: 'Delete an image and all its variants',
      parameters: [imageId, ifMatch],
      success: { status: 204, description: 'It is gone.' },
      problems: [
        'NOT_AUTHORIZED',
        'IMAGE_NOT_FOUND',
        'VERSION_MISMATCH',
        'VALIDATION_FAILED',
        'RATE_LIMITED',
      ],
    },
  },
  '/images/{id}/original': {
    put: {
      summary: 'Replace the original',
      parameters: [imageId, ifMatch],
      requestBody: {
        required: true,
        content: {
          'multipart/form-data': { schema: uploadForm({ type: 'object', additionalProperties: false }) },
          ...anyImage,
        },
      },
      success: { status: 200, description: 'The image, with a new rev.', content: image, headers: etag },
      problems: [
        ...fileProblems,
        'NOT_AUTHORIZED',
        'IMAGE_NOT_FOUND',
        'VERSION_MISMATCH',
        'UPLOAD_INCOMPLETE',
        'RATE_LIMITED',
      ],
    },
  },
  '/images/{id}/signatures': {
    post: {
      summary: 'Sign URLs of a private image',
      description: 'One signature is good for every width up to its maximum, so for a whole srcset.',
      parameters: [imageId],
      requestBody: {
        required: true,
        content: { 'application/json': { schema: refTo('SignatureRequest') } },
      },
      success: {
        status: 201,
        description: 'What to append to URLs of the image.',
        content: { 'application/json': { schema: refTo('IssuedSignature') } },
      },
      problems: ['VALIDATION_FAILED', 'NOT_AUTHORIZED', 'IMAGE_NOT_FOUND', 'UNSUPPORTED_MEDIA_TYPE'],
    },
  },
  '/images/{id}/ledger': {
    get: {
      summary: 'How often the variants of an image were asked for, and what they cost',
      parameters: [imageId],
      success: {
        status: 200,
        description: 'Counts by variant, of about the last 90 days.',
        content: { 'application/json': { schema: refTo('ImageLedger') } },
      },
      problems: ['NOT_AUTHORIZED', 'IMAGE_NOT_FOUND'],
    },
  },
  '/ledger': {
    get: {
      summary: 'How often rungs and widths were asked for over all images, and what they cost',
      description: 'For administrators.',
      parameters: queryParameters(LedgerParameters),
      success: {
        status: 200,
        description: 'Counts by rung and format, and the widths that were asked for.',
        content: { 'application/json': { schema: refTo('Ledger') } },
      },
      problems: ['NOT_AUTHORIZED', 'VALIDATION_FAILED'],
    },
  },
  '/uploads': {
    post: {
      summary: 'Begin an upload straight to the object store',
      parameters: [idempotencyKey],
      requestBody: { required: true, content: { 'application/json': { schema: refTo('NewUpload') } } },
      success: {
        status: 201,
        description: 'A pending image, and the form to post the file with.',
        content: { 'application/json': { schema: refTo('BegunUpload') } },
      },
      problems: [
        'VALIDATION_FAILED',
        'INVALID_FILE_TYPE',
        'NOT_AUTHORIZED',
        'IMAGE_NOT_FOUND',
        'IMAGE_TOO_LARGE',
        'UNSUPPORTED_MEDIA_TYPE',
        'IDEMPOTENCY_KEY_REUSED',
        'RATE_LIMITED',
      ],
    },
  },
  '/uploads/{id}/complete': {
    post: {
      summary: 'Complete an upload once the file is there',
      description:
        'Repeating it changes nothing. A file that is refused is removed, and its pending image too.',
      parameters: [imageId],
      success: { status: 200, description: 'The completed image.', content: image, headers: etag },
      problems: [
        'INVALID_FILE_TYPE',
        'NOT_AUTHORIZED',
        'IMAGE_NOT_FOUND',
        'UPLOAD_INCOMPLETE',
        'IMAGE_TOO_LARGE',
        'IMAGE_UNPROCESSABLE',
        'RATE_LIMITED',
      ],
    },
  },
  '/health': { get: openText('Whether the API answers', 'application/json') },
  '/metrics': { get: openText('Metrics for Prometheus', 'text/plain') },
  '/openapi.json': { get: openText('This document', 'application/json') },
  '/docs': { get: openText('This document, to read and to try out', 'text/html') },
  '/docs/{file}': {
    get: {
      ...openText('What the page /docs loads', 'text/plain'),
      parameters: [{ name: 'file', in: 'path', required: true, schema: { type: 'string' } }],
      problems: ['NOT_FOUND'],
    },
  },
}

let document: Json | undefined

/** The description of this API in OpenAPI 3.1, made from the schemas that requests are checked with. */
export function openApiDocument(): Json {
  document ??= {
    openapi: '3.1.0',
    info: { title: 'Tintype', version: '1', description: 'Upload images, and get them in every size.' },
    paths: Object.fromEntries(
      Object.entries(operations).map(([path, methods]) => [
        path,
        Object.fromEntries(
          Object.entries(methods).map(([method, operation]) => [method, describe(operation)]),
        ),
      ]),
    ),
    components: {
      schemas: Object.fromEntries(
        Object.entries(schemas).map(([name, schema]) => [name, jsonSchemaOf(schema)]),
      ),
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
    },
  }
  return document
}

function describe({ open, success, otherwise, problems = [], ...rest }: Operation): Json {
  const { status, ...answer } = success
  const everywhere: ProblemCode[] = ['METHOD_NOT_ALLOWED', 'INTERNAL', 'UNAVAILABLE']
  if (!open) everywhere.unshift('UNAUTHENTICATED')
  return {
    ...rest,
    security: open ? [] : [{ bearer: [] }],
    responses: { [status]: answer, ...otherwise, ...problemResponses([...problems, ...everywhere]) },
  }
}

/** One response per status, which names the codes that it may carry. */
function problemResponses(codes: readonly ProblemCode[]): Json {
  const statuses = [...new Set(codes.map((code) => problemStatus[code]))].toSorted()
  return Object.fromEntries(
    statuses.map((status) => {
      const ofStatus = codes.filter((code) => problemStatus[code] === status)
      const content = {
        'application/problem+json': {
          schema: { allOf: [refTo('Problem'), { properties: { code: { enum: ofStatus } } }] },
        },
      }
      return [status, { description: ofStatus.join(', '), content }]
    }),
  )
}

function jsonSchemaOf(schema: z.ZodType): Json {
  const { $schema: _, ...json } = z.toJSONSchema(schema, { io: 'input' })
  return json
}

function uploadForm(fields: Json): Json {
  return {
    ...fields,
    properties: {
      file: { type: 'string', format: 'binary' },
      ...(fields.properties as Json | undefined),
    },
    required: ['file'],
  }
}

function queryParameters(schema: z.ZodObject): Json[] {
  const properties = jsonSchemaOf(schema).properties as Record<string, Json>
  return Object.entries(properties).map(([name, { description, ...property }]) => ({
    name,
    in: 'query',
    ...(description !== undefined && { description }),
    schema: property,
  }))
}

function header(name: string, description: string): Json {
  return { name, in: 'header', description, schema: { type: 'string' } }
}

function openText(summary: string, contentType: string): Operation {
  return {
    summary,
    open: true,
    success: { status: 200, description: summary, content: { [contentType]: {} } },
  }
}

function refTo(name: string): Json {
  return { $ref: `#/components/schemas/${name}` }
}
