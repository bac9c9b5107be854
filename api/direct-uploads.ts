import type { ImageRecord, OriginalFacts } from '../core/image.ts'
import type { PresignedUpload } from '../core/object-store.ts'
import { Problem } from '../core/problem.ts'
import { mustChange, ownerOfNew } from './auth.ts'
import { goOn } from './background.ts'
import type { UserCall } from './call.ts'
import type { UploadDependencies } from './dependencies.ts'
import { claimImageId } from './idempotency.ts'
import { mimeTypes } from './image-type.ts'
import { imageView } from './image-view.ts'
import { inspectOriginal, type Original } from './inspect-original.ts'
import { type Attempt, attemptSecondsMax, openAttempt, pendingKey, withdraw } from './intents.ts'
import { requireImage } from './lookup.ts'
import { factsOf, newRecord } from './new-record.ts'
import { etagOf } from './preconditions.ts'
import { imageNotFound, imageTooLarge, problem } from './problems.ts'
import { readBytes } from './read-bytes.ts'
import { revisionOf } from './revision.ts'
import { NewUpload, plainFilename } from './upload-fields.ts'
import { readJson, validate } from './validate.ts'

/** How long a browser may begin to upload. */
const pendingSeconds = 3600

/** What a browser needs to upload, and until when. */
type UploadLeave = PresignedUpload & { method: 'POST'; bytesMax: number; expiresAt: string }

/** Uploads that go straight from the browser to the object store, for files too large for the API. */
export function createDirectUploads(deps: UploadDependencies) {
  const { originals, metadata, limits, now } = deps

  /** POST /uploads: a pending record, and leave to put the file into the object store. */
  async function begin(call: UserCall): Promise<Response> {
    const { userId, ...wanted } = validate(NewUpload, await readJson(call.request))
    const owner = ownerOfNew(call.user, userId)
    checkAnnounced(wanted)

    const asked = ['POST /uploads', owner, wanted]
    const { imageId, repeated } = await claimImageId(call.request, call.user.id, asked, deps)
    const earlier = repeated ? await metadata.get(imageId, { consistent: true }) : null
    const record = earlier ?? (await createPending(imageId, owner, wanted))
    const answer = { image: imageView(record, deps), upload: await leaveToUpload(record) }
    return Response.json(answer, { status: 201, headers: { location: `/images/${record.id}` } })
  }

  function checkAnnounced({ bytes, mimeType }: NewUpload): void {
    const accepted = Object.values(mimeTypes)
    if (!accepted.includes(mimeType)) {
      throw problem('INVALID_FILE_TYPE', `mimeType must be one of ${accepted.join(', ')}.`)
    }
    if (bytes > limits.directUploadBytesMax) throw imageTooLarge(limits.directUploadBytesMax, '')
  }

  async function createPending(imageId: string, owner: string, wanted: NewUpload): Promise<ImageRecord> {
    const { filename, bytes, ...details } = wanted
    // Due when the upload has expired, and left open when it is completed: until then the browser may put another
    // file, which nobody would look at.
    const intent = await openAttempt(deps, imageId, { dueInSeconds: pendingSeconds + attemptSecondsMax })
    const record = newRecord(new Date(now()).toISOString(), {
      id: imageId,
      userId: owner,
      originalFilename: plainFilename(filename, 'bin'),
      fileSize: bytes,
      s3Bucket: originals.bucket,
      s3Key: pendingKey(imageId),
      processingStatus: 'pending',
      expiresAt: Math.floor(now() / 1000) + pendingSeconds,
      ...details,
    })
    if ((await metadata.create(record)) === 'created') return record
    // A twin with the same Idempotency-Key was faster; or the upload of the first try has expired since.
    const twin = await metadata.get(imageId, { consistent: true })
    if (twin !== null) return twin
    await metadata.discardPending(imageId)
    if ((await metadata.create(record)) === 'created') return record
    goOn(deps, 'close intent', () => intent.close())
    throw imageNotFound()
  }

  /** Null for an upload that is completed already. */
  async function leaveToUpload(record: ImageRecord): Promise<UploadLeave | null> {
    if (record.processingStatus === 'completed') return null
    const expiresAt = record.expiresAt ?? 0
    const bytesMax = record.fileSize
    const presigned = await originals.presignUpload(pendingKey(record.id), {
      contentType: record.mimeType,
      bytesMax,
      expiresInSeconds: Math.max(1, Math.floor(expiresAt - now() / 1000)),
    })
    return { method: 'POST', ...presigned, bytesMax, expiresAt: new Date(expiresAt * 1000).toISOString() }
  }

  /** POST /uploads/:id/complete */
  async function completeForUser(call: UserCall): Promise<Response> {
    const pending = await requireImage(deps, call)
    mustChange(call.user, pending)
    const record = await complete(pending.id, true)
    return Response.json(imageView(record, deps), { headers: { etag: etagOf(record.version) } })
  }

  /**
   * Looks at the file that a browser has put, and makes the pending record a completed one. The browser asks for it
   * when it has finished, and so does the object store's event; twice or both at once is one completion.
   *
   * @param refusing whether a bad file goes, and the pending record with it. Not for the event: it often comes first,
   * and the browser that asks after it would never learn why. What nobody asks for expires.
   * @throws {Problem} IMAGE_NOT_FOUND, also where it has expired; UPLOAD_INCOMPLETE if there is no file yet;
   * IMAGE_TOO_LARGE and what `inspectOriginal` throws
   */
  async function complete(id: string, refusing = false): Promise<ImageRecord> {
    const record = await metadata.get(id, { consistent: true })
    if (record === null) throw imageNotFound()
    if (record.processingStatus === 'completed') return record

    const file = await readPending(id)
    if (file === 'absent') return completedMeanwhile(id)
    const attempt = await openAttempt(deps, id)
    const original = await inspectPending(attempt, file, refusing)
    const facts = factsOf(original, attempt)
    // The bytes that were looked at are put. The pending object is not copied: it may be another one by now.
    await originals.put(facts.s3Key, original.bytes, { contentType: original.mimeType })
    return settle(record, facts, attempt)
  }

  async function readPending(id: string): Promise<Uint8Array | 'absent' | 'too large'> {
    const facts = await originals.head(pendingKey(id))
    if (facts === null) return 'absent'
    if (facts.size > limits.directUploadBytesMax) return 'too large'
    const object = await originals.get(pendingKey(id))
    if (object === null) return 'absent'
    return (await readBytes(object.body, limits.directUploadBytesMax)) ?? 'too large'
  }

  /** There is no file: not yet, or a twin of this request has completed it and removed the file. */
  async function completedMeanwhile(id: string): Promise<ImageRecord> {
    const record = await metadata.get(id, { consistent: true })
    if (record === null) throw imageNotFound()
    if (record.processingStatus === 'completed') return record
    throw problem('UPLOAD_INCOMPLETE', 'The file has not arrived yet: upload it, then complete again.')
  }

  async function inspectPending(
    attempt: Attempt,
    file: Uint8Array | 'too large',
    refusing: boolean,
  ): Promise<Original> {
    try {
      if (file === 'too large') throw imageTooLarge(limits.directUploadBytesMax, '')
      return await inspectOriginal(file, deps)
    } catch (error) {
      if (error instanceof Problem) await (refusing ? reject(attempt) : attempt.close())
      throw error
    }
  }

  /** The record goes first: without it nobody looks at the file again. */
  async function reject(attempt: Attempt): Promise<void> {
    await metadata.discardPending(attempt.imageId)
    await originals.delete([pendingKey(attempt.imageId)])
    await attempt.close()
  }

  /** Completes the record, over changes that its owner makes to it at the same time. */
  async function settle(pending: ImageRecord, facts: OriginalFacts, attempt: Attempt): Promise<ImageRecord> {
    let record: ImageRecord | null = pending
    while (record?.processingStatus === 'pending') {
      const at = new Date(now()).toISOString()
      const change = {
        processingStatus: 'completed',
        expiresAt: null,
        uploadedAt: at,
        updatedAt: at,
      } as const
      // Its owner may have set a focal point while it was pending.
      const rev = revisionOf(facts.sha256, record.focalPoint)
      const outcome = await metadata.update(pending.id, { ...facts, rev, ...change }, record.version)
      if (outcome.kind === 'changed') {
        goOn(deps, 'remove pending object', () => withdraw(originals, attempt, pendingKey(pending.id)))
        goOn(deps, 'prerender', () => deps.prerender(pending.id))
        return outcome.record
      }
      record = await metadata.get(pending.id, { consistent: true })
    }
    goOn(deps, 'withdraw original', () => withdraw(originals, attempt, facts.s3Key))
    if (record === null) throw imageNotFound()
    return record
  }

  return { begin, completeForUser, complete }
}
