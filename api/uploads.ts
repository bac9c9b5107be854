import type { ImageDetails, ImageRecord } from '../core/image.ts'
import { Problem } from '../core/problem.ts'
import { ownerOfNew } from './auth.ts'
import { goOn } from './background.ts'
import type { UserCall } from './call.ts'
import type { UploadDependencies } from './dependencies.ts'
import { createDirectUploads } from './direct-uploads.ts'
import { claimImageId } from './idempotency.ts'
import { imageView } from './image-view.ts'
import { inspectOriginal, type Original } from './inspect-original.ts'
import { openAttempt, withdraw } from './intents.ts'
import { uploadCounter } from './metrics.ts'
import { readUploadForm } from './multipart.ts'
import { factsOf, newRecord } from './new-record.ts'
import { etagOf } from './preconditions.ts'
import { imageNotFound } from './problems.ts'
import { plainFilename, UploadFields, valuesOf } from './upload-fields.ts'
import { validate } from './validate.ts'

/** Where a file above the limit may go instead. */
const directUploadAdvice = 'Send larger ones straight to the object store: see POST /uploads.'

/** The ways in which an image comes in. */
export function createUploads(deps: UploadDependencies) {
  const { originals, metadata, limits, now } = deps
  const outcomes = uploadCounter(deps.metrics)
  const direct = createDirectUploads(deps)

  /** POST /images: a file in a form. Nothing is written before the file was found good. */
  async function receive(call: UserCall): Promise<Response> {
    const form = await readUploadForm(call.request, limits.uploadBytesMax, directUploadAdvice)
    const { userId, ...details } = validate(UploadFields, valuesOf(form.fields))
    const owner = ownerOfNew(call.user, userId)
    const original = await inspectOriginal(form.file.bytes, deps)

    const asked = ['POST /images', owner, original.sha256, details]
    const { imageId, repeated } = await claimImageId(call.request, call.user.id, asked, deps)
    const earlier = repeated ? await metadata.get(imageId, { consistent: true }) : null
    const originalFilename = plainFilename(form.file.filename, original.extension)
    const record =
      earlier ?? (await store(original, { id: imageId, userId: owner, originalFilename, ...details }))
    return Response.json(imageView(record, deps), { status: 201, headers: createdHeaders(record) })
  }

  /** Intent, object, record, in this order: whatever crashes in between, the intent leads to what is left. */
  async function store(
    original: Original,
    known: Pick<ImageRecord, 'id' | 'userId' | 'originalFilename'> & Partial<ImageDetails>,
  ): Promise<ImageRecord> {
    const attempt = await openAttempt(deps, known.id)
    const facts = factsOf(original, attempt)
    const at = new Date(now()).toISOString()
    const record = newRecord(at, { s3Bucket: originals.bucket, ...facts, ...known })

    await originals.put(record.s3Key, original.bytes, { contentType: original.mimeType })
    if ((await metadata.create(record)) === 'created') {
      goOn(deps, 'close intent', () => attempt.close())
      goOn(deps, 'prerender', () => deps.prerender(record.id))
      return record
    }
    // A twin with the same Idempotency-Key was faster, or the image was deleted since the first try.
    goOn(deps, 'withdraw original', () => withdraw(originals, attempt, record.s3Key))
    const twin = await metadata.get(known.id, { consistent: true })
    if (twin === null) throw imageNotFound()
    return twin
  }

  /** Counts how uploads end. */
  function counted<Argument, Result>(
    upload: (argument: Argument) => Promise<Result>,
  ): (argument: Argument) => Promise<Result> {
    return async (argument) => {
      try {
        const result = await upload(argument)
        outcomes.inc({ outcome: 'stored' })
        return result
      } catch (error) {
        outcomes.inc({ outcome: error instanceof Problem ? error.code : 'INTERNAL' })
        throw error
      }
    }
  }

  return {
    receive: counted(receive),
    begin: direct.begin,
    completeForUser: counted(direct.completeForUser),
    /** For the object store's event: see `createDirectUploads`. */
    complete: counted(direct.complete),
  }
}

function createdHeaders(record: ImageRecord): Record<string, string> {
  return { location: `/images/${record.id}`, etag: etagOf(record.version) }
}
