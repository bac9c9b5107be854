import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import type { ReadableStream as NodeReadableStream } from 'node:stream/web'
import pLimit from 'p-limit'
import type { ObjectFacts, ObjectStore } from '../core/object-store.ts'
import {
  type AwsCredentials,
  AwsError,
  type AwsRequest,
  createAwsSender,
  encodeUnreserved,
} from './aws-request.ts'

export interface LightObjectStoreOptions {
  bucket: string
  region: string
  credentials: AwsCredentials
  /** Of something that speaks S3's protocol, with buckets in the path; S3 itself unless given. */
  endpoint?: string | undefined
  /** Milliseconds without a byte after which a request has failed. */
  silenceMsMax?: number
}

/** What can be done with a bucket without the SDK. The rest, copies and uploads by a form, is not asked for. */
export type LightObjectStore = Omit<ObjectStore, 'copy' | 'presignUpload'>

const deletesAtOnceMax = 16

/** Bytes of a body that are read ahead of who asked for it. */
const readAheadBytes = 256 * 1024

/**
 * One bucket in S3 like `createS3ObjectStore`, over a client that loads in a few milliseconds where the SDK takes
 * tens: for a process that is started while a viewer waits.
 */
export function createLightObjectStore(options: LightObjectStoreOptions): LightObjectStore {
  const { bucket } = options
  const { endpoint, root } = addressOf(options)
  const send = createAwsSender({
    ...options,
    name: 's3',
    endpoint,
    errorCodeIn: (body) => textOf('Code', body) ?? '',
  })
  const pathOf = (key: string): string => `${root}/${key.split('/').map(encodeUnreserved).join('/')}`

  return {
    bucket,

    async get(key) {
      const object = await sendUnlessAbsent({ method: 'GET', path: pathOf(key) })
      return object && { ...factsOf(object), body: webStreamOf(object) }
    },

    async head(key) {
      const object = await sendUnlessAbsent({ method: 'HEAD', path: pathOf(key) })
      if (object === null) return null
      await readToEnd(object)
      return factsOf(object)
    },

    async put(key, body, { contentType, cacheControl, onlyIfAbsent = false, onlyIfEtag }) {
      const headers = {
        'content-type': contentType,
        ...(cacheControl !== undefined && { 'cache-control': cacheControl }),
        ...(onlyIfAbsent && { 'if-none-match': '*' }),
        ...(onlyIfEtag !== undefined && { 'if-match': onlyIfEtag }),
      }
      try {
        const stored = await send({ method: 'PUT', path: pathOf(key), headers, body })
        await readToEnd(stored)
        return { kind: 'stored', etag: stored.headers.etag! }
      } catch (error) {
        if (isRefusal(error, 'PreconditionFailed')) return { kind: onlyIfAbsent ? 'exists' : 'changed' }
        if (onlyIfEtag !== undefined && isRefusal(error, 'NoSuchKey')) return { kind: 'changed' }
        throw error
      }
    },

    async delete(keys) {
      // One request a key: the origin takes back what it has just stored, and that is one object.
      const limit = pLimit(deletesAtOnceMax)
      await Promise.all(
        keys.map((key) =>
          limit(async () => {
            await readToEnd(await send({ method: 'DELETE', path: pathOf(key) }))
          }),
        ),
      )
    },

    async *list(prefix) {
      let continuation: string | undefined
      do {
        const page = await listPage(prefix, continuation)
        yield* page.keys
        continuation = page.continuation
      } while (continuation !== undefined)
    },
  }

  async function sendUnlessAbsent(request: AwsRequest): Promise<IncomingMessage | null> {
    try {
      return await send(request)
    } catch (error) {
      // An answer to HEAD has no body, and so no code.
      const isAbsent = error instanceof AwsError && error.status === 404
      if (isAbsent && (error.code === 'NoSuchKey' || request.method === 'HEAD')) return null
      throw error
    }
  }

  async function listPage(
    prefix: string,
    continuation: string | undefined,
  ): Promise<{ keys: string[]; continuation: string | undefined }> {
    const page = await send({
      method: 'GET',
      path: `${root}/`,
      query: {
        'list-type': '2',
        prefix,
        // Keys come in ASCII then, so that none needs the escapes of XML, nor has what XML can't express.
        'encoding-type': 'url',
        ...(continuation !== undefined && { 'continuation-token': continuation }),
      },
    })
    const xml = await text(page)
    const keys = Array.from(xml.matchAll(/<Key>([^<]*)<\/Key>/g), ([, key]) => decodeForm(key!))
    const next = textOf('NextContinuationToken', xml)
    return { keys, continuation: next === undefined ? undefined : unescapeXml(next) }
  }
}

/** Buckets have a host name of their own; only a stand-in for S3 has them all under one. */
function addressOf({ bucket, region, endpoint }: LightObjectStoreOptions): {
  endpoint: string
  root: string
} {
  if (endpoint !== undefined) return { endpoint, root: `/${bucket}` }
  return { endpoint: `https://${bucket}.s3.${region}.amazonaws.com`, root: '' }
}

function factsOf({ headers }: IncomingMessage): ObjectFacts {
  return {
    size: Number(headers['content-length']),
    etag: headers.etag!,
    contentType: headers['content-type'] ?? null,
    cacheControl: headers['cache-control'] ?? null,
  }
}

/** Then the connection is free for the next request. */
async function readToEnd(message: IncomingMessage): Promise<void> {
  await once(message.resume(), 'end')
}

function webStreamOf(message: IncomingMessage): ReadableStream<Uint8Array> {
  const strategy = new ByteLengthQueuingStrategy({ highWaterMark: readAheadBytes })
  // Two declarations of the same class: Node's, and the browser's that the port speaks of.
  const stream: NodeReadableStream = Readable.toWeb(message, { strategy })
  return stream as ReadableStream<Uint8Array>
}

function isRefusal(error: unknown, code: string): boolean {
  return error instanceof AwsError && error.code === code
}

/** The text of the first element with a name that is written without a prefix or attributes, as all of S3's are. */
function textOf(element: string, xml: string): string | undefined {
  return new RegExp(`<${element}>([^<]*)</${element}>`).exec(xml)?.[1]
}

/** S3 encodes as a form does: a plus is a space. */
function decodeForm(encoded: string): string {
  return decodeURIComponent(encoded.replaceAll('+', ' '))
}

const xmlEntities: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

function unescapeXml(escaped: string): string {
  return escaped.replace(/&(amp|lt|gt|quot|apos);/g, (_, name: string) => xmlEntities[name]!)
}
