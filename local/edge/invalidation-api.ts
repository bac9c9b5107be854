import { randomUUID } from 'node:crypto'

import {
  childElements,
  childText,
  childTexts,
  type ParsedElement,
  parseXml,
  xmlDocument,
  type XmlElements,
} from '../s3/xml.ts'
import { type Invalidation, Invalidations, type Refusal } from './invalidations.ts'

export interface InvalidationApiOptions {
  readonly distributionId: string
  /** Removes paths from the edge; throws RangeError for one that CloudFront would not take. */
  readonly invalidate: (paths: readonly string[]) => void
  /** milliseconds since the epoch */
  readonly now?: () => number
  /** how long an invalidation counts as being in progress, though it takes effect at once; 0 unless given */
  readonly progressMs?: number
}

const namespace = 'http://cloudfront.amazonaws.com/doc/2020-05-31/'
const listLengthMax = 100

/** Error codes with their status, from the API reference of each call. */
const statuses = {
  BatchTooLarge: 413,
  InconsistentQuantities: 400,
  InvalidArgument: 400,
  InvalidationBatchAlreadyExists: 400,
  MalformedXML: 400,
  MissingBody: 400,
  NoSuchDistribution: 404,
  NoSuchInvalidation: 404,
  NoSuchResource: 404,
  TooManyInvalidationsInProgress: 400,
} satisfies Record<Refusal, number> & Record<string, number>

class CloudFrontError extends Error {
  readonly code: keyof typeof statuses

  constructor(code: keyof typeof statuses, message: string = code) {
    super(message)
    this.code = code
  }
}

/**
 * The part of CloudFront's API that is about invalidations: CreateInvalidation, GetInvalidation and ListInvalidations
 * of one distribution, as the AWS SDK speaks to them. Signatures are not checked.
 *
 * Source: "Actions" in the Amazon CloudFront API Reference, 2020-05-31.
 */
export function createInvalidationApi(
  options: InvalidationApiOptions,
): (request: Request) => Promise<Response> {
  const invalidations = new Invalidations({ now: Date.now, progressMs: 0, ...options })

  async function answer(request: Request): Promise<Response> {
    const url = new URL(request.url)
    const { distributionId, invalidationId } = parsePath(url.pathname)
    if (distributionId !== options.distributionId) throw new CloudFrontError('NoSuchDistribution')
    const call = `${request.method} ${invalidationId === undefined ? 'all' : 'one'}`
    if (call === 'POST all') return create(await request.text(), url)
    if (call === 'GET all') return list(url.searchParams)
    if (call === 'GET one') return get(invalidationId!)
    throw new CloudFrontError('NoSuchResource', `There is no ${request.method} ${url.pathname}`)
  }

  function create(body: string, url: URL): Response {
    const { callerReference, paths } = parseBatch(body)
    const made = createOrFail(callerReference, paths)
    const headers = { location: `${url.origin}${url.pathname}/${made.id}` }
    return xmlResponse(201, 'Invalidation', describe(made), headers)
  }

  function createOrFail(callerReference: string, paths: string[]): Invalidation {
    try {
      const made = invalidations.create(callerReference, paths)
      if (typeof made === 'string') throw new CloudFrontError(made)
      return made
    } catch (error) {
      if (error instanceof RangeError) throw new CloudFrontError('InvalidArgument', error.message)
      throw error
    }
  }

  function get(id: string): Response {
    const found = invalidations.find(id)
    if (found === undefined) throw new CloudFrontError('NoSuchInvalidation')
    return xmlResponse(200, 'Invalidation', describe(found))
  }

  function list(query: URLSearchParams): Response {
    const lengthMax = Math.min(Number(query.get('MaxItems') ?? listLengthMax), listLengthMax)
    const marker = query.get('Marker') ?? ''
    const all = invalidations.list()
    const rest = all.slice(1 + all.findIndex(({ id }) => id === marker))
    const page = rest.slice(0, lengthMax)
    const isTruncated = rest.length > page.length
    return xmlResponse(200, 'InvalidationList', {
      Marker: marker,
      NextMarker: isTruncated ? page.at(-1)?.id : undefined,
      MaxItems: lengthMax,
      IsTruncated: isTruncated,
      Quantity: page.length,
      Items: { InvalidationSummary: page.map(summarize) },
    })
  }

  function summarize(invalidation: Invalidation): XmlElements {
    return {
      Id: invalidation.id,
      CreateTime: new Date(invalidation.createdAtMs).toISOString(),
      Status: invalidations.isInProgress(invalidation) ? 'InProgress' : 'Completed',
    }
  }

  function describe(invalidation: Invalidation): XmlElements {
    const { callerReference, paths } = invalidation
    return {
      ...summarize(invalidation),
      InvalidationBatch: {
        CallerReference: callerReference,
        Paths: { Quantity: paths.length, Items: { Path: paths } },
      },
    }
  }

  return async (request) => {
    try {
      return await answer(request)
    } catch (error) {
      if (error instanceof CloudFrontError) return errorResponse(error)
      throw error
    }
  }
}

function parsePath(pathname: string): { distributionId: string; invalidationId: string | undefined } {
  const match = /^\/2020-05-31\/distribution\/([^/]+)\/invalidation(?:\/([^/]+))?$/.exec(pathname)
  if (match === null) throw new CloudFrontError('NoSuchResource', `There is no ${pathname}`)
  return { distributionId: match[1]!, invalidationId: match[2] }
}

function parseBatch(body: string): { callerReference: string; paths: string[] } {
  if (body === '') throw new CloudFrontError('MissingBody')
  const batch = parseBody(body)
  const callerReference = childText(batch, 'CallerReference') ?? ''
  if (callerReference === '') throw new CloudFrontError('InvalidArgument', 'A caller reference is needed')

  const pathsElement = childElements(batch, 'Paths')[0] ?? {}
  const paths = childElements(pathsElement, 'Items').flatMap((items) => childTexts(items, 'Path'))
  if (Number(childText(pathsElement, 'Quantity')) !== paths.length) {
    throw new CloudFrontError('InconsistentQuantities')
  }
  if (paths.length === 0) throw new CloudFrontError('InvalidArgument', 'At least one path is needed')
  return { callerReference, paths }
}

function parseBody(body: string): ParsedElement {
  try {
    return parseXml(body, 'InvalidationBatch')
  } catch {
    throw new CloudFrontError('MalformedXML')
  }
}

function errorResponse({ code, message }: CloudFrontError): Response {
  const requestId = randomUUID()
  return xmlResponse(
    statuses[code],
    'ErrorResponse',
    { Error: { Type: 'Sender', Code: code, Message: message }, RequestId: requestId },
    { 'x-amzn-requestid': requestId },
  )
}

function xmlResponse(
  status: number,
  rootName: string,
  content: XmlElements,
  headers: Record<string, string> = {},
): Response {
  return new Response(xmlDocument(rootName, content, namespace), {
    status,
    headers: { 'content-type': 'text/xml', ...headers },
  })
}
