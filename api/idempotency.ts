import { createHash } from 'node:crypto'
import { ulid } from 'ulid'
import type { ApiDependencies } from './dependencies.ts'
import { problem, validationFailed } from './problems.ts'

/** Seconds for which a key is remembered. */
const claimSeconds = 24 * 3600

/** The id that a request is to give its image. `repeated`: an earlier request with the same key had it already. */
export interface ClaimedId {
  imageId: string
  repeated: boolean
}

/**
 * The id for a new image: a fresh one, or for a repeated Idempotency-Key the one of the first request. No state in
 * between is kept: whoever has the id may make the image, and finds out by making it whether it exists.
 *
 * @param asked what the request asks for, as parsed: the same whenever it means the same, unlike the bytes of a form
 * @throws {Problem} IDEMPOTENCY_KEY_REUSED if the first request asked for something else
 */
export async function claimImageId(
  request: Request,
  userId: string,
  asked: readonly unknown[],
  { metadata, now }: Pick<ApiDependencies, 'metadata' | 'now'>,
): Promise<ClaimedId> {
  const imageId = ulid(now())
  const key = keyOf(request)
  if (key === null) return { imageId, repeated: false }

  const fingerprint = createHash('sha256').update(JSON.stringify(asked)).digest('hex')
  const expiresAt = Math.floor(now() / 1000) + claimSeconds
  const first = await metadata.claimIdempotencyKey({ userId, key, fingerprint, imageId, expiresAt })
  if (first.fingerprint !== fingerprint) {
    throw problem('IDEMPOTENCY_KEY_REUSED', 'This Idempotency-Key was used for another request.')
  }
  return { imageId: first.imageId, repeated: first.imageId !== imageId }
}

function keyOf(request: Request): string | null {
  const key = request.headers.get('idempotency-key')
  if (key === null || /^[\x21-\x7e]{1,255}$/.test(key)) return key
  throw validationFailed([{ path: 'Idempotency-Key', message: 'must be 1 to 255 visible ASCII characters' }])
}
