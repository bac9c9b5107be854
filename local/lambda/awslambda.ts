import type { Writable } from 'node:stream'

/*
 * The global `awslambda` as AWS's runtime for Node has it
 * (https://github.com/aws/aws-lambda-nodejs-runtime-interface-client, src/HttpResponseStream.js and UserFunction.js).
 */

const streaming = Symbol.for('aws.lambda.runtime.handler.streaming')

/** Says that the bytes begin with status and headers. */
export const preludeContentType = 'application/vnd.awslambda.http-integration-response'

/** Zero bytes between the prelude and the body. */
export const delimiterLength = 8

/** The stream that a handler gets. */
export interface HandlerStream extends Writable {
  setContentType(contentType: string): void
  /** Called at the first write of the handler, if there is one. */
  beforeFirstWrite?: (write: (chunk: string | Uint8Array) => void) => void
}

/** Puts `awslambda` where handlers look for it; before they are loaded. */
export function installAwsLambda(): void {
  const HttpResponseStream = {
    from(stream: HandlerStream, metadata: Record<string, unknown>): HandlerStream {
      stream.setContentType(preludeContentType)
      stream.beforeFirstWrite = (write) => {
        write(JSON.stringify(metadata))
        write(new Uint8Array(delimiterLength))
      }
      return stream
    },
  }
  const streamifyResponse = (handler: object): object => Object.assign(handler, { [streaming]: 'response' })
  Object.assign(globalThis, { awslambda: { HttpResponseStream, streamifyResponse } })
}

export function isStreaming(handler: object): boolean {
  return streaming in handler
}
