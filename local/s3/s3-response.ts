import type { FileHandle } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { type XmlElements, xmlDocument } from './xml.ts'

export interface S3Response {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | FileRange
}

/** Bytes of an open file; sending the response closes it. */
export interface FileRange {
  readonly file: FileHandle
  readonly firstByte: number
  readonly lengthBytes: number
}

/** A 200 with an XML document. */
export function xmlResponse(
  rootName: string,
  content: XmlElements,
  headers: Record<string, string> = {},
): S3Response {
  return {
    status: 200,
    headers: { ...headers, 'content-type': 'application/xml' },
    body: xmlDocument(rootName, content),
  }
}

/** Sends a response; resolves when all of it has been handed to the socket. */
export async function sendResponse(response: S3Response, to: ServerResponse): Promise<void> {
  const { status, headers = {}, body } = response
  to.statusCode = status
  to.setHeaders(new Map(Object.entries(headers)))
  if (body === undefined || typeof body === 'string') {
    to.end(body)
    return
  }
  const lastByte = body.firstByte + body.lengthBytes - 1
  await pipeline(body.file.createReadStream({ start: body.firstByte, end: lastByte }), to)
}
