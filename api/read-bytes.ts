import { validationFailed } from './problems.ts'

/** Reads a stream to its end, or null as soon as it exceeds `bytesMax`: no more than that is ever held. */
export async function readBytes(
  stream: ReadableStream<Uint8Array> | null,
  bytesMax: number,
): Promise<Uint8Array | null> {
  if (stream === null) return new Uint8Array()
  const chunks: Uint8Array[] = []
  let length = 0
  const reader = stream.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return Buffer.concat(chunks, length)
    length += value.length
    if (length > bytesMax) {
      await reader.cancel().catch(() => undefined)
      return null
    }
    chunks.push(value)
  }
}

/**
 * Reads the body of a request, or null as soon as it exceeds `bytesMax`.
 *
 * @throws {Problem} VALIDATION_FAILED if the caller stops midway
 */
export async function readBody(request: Request, bytesMax: number): Promise<Uint8Array | null> {
  try {
    return await readBytes(request.body, bytesMax)
  } catch (cause) {
    throw endedEarly(cause)
  }
}

/** The problem of a body that breaks off. */
export function endedEarly(cause: unknown): Error {
  return validationFailed([{ path: '', message: 'the body ended early' }], cause)
}
