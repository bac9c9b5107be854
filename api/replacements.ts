import type { ImageRecord } from '../core/image.ts'
import { mustChange } from './auth.ts'
import { goOn } from './background.ts'
import type { UserCall } from './call.ts'
import type { ApiDependencies } from './dependencies.ts'
import { imageView } from './image-view.ts'
import { inspectOriginal, type Original } from './inspect-original.ts'
import { openAttemptAgainst, withdraw } from './intents.ts'
import { requireImage } from './lookup.ts'
import { readUploadForm } from './multipart.ts'
import { factsOf } from './new-record.ts'
import { etagOf, versionInIfMatch } from './preconditions.ts'
import { imageNotFound, imageTooLarge, problem, validationFailed, versionMismatch } from './problems.ts'
import { readBody } from './read-bytes.ts'
import { createTidy } from './tidy.ts'
import { plainFilename } from './upload-fields.ts'

/** How often a change that names no version is tried again over changes by others. */
const triesMax = 5

/** Replacing the original of an image. */
export function createReplacements(deps: ApiDependencies) {
  const { originals, metadata, limits, now } = deps
  const tidy = createTidy(deps)

  /** PUT /images/:id/original: a form, or the bare bytes. Everything but the picture stays as it is. */
  async function replace(call: UserCall): Promise<Response> {
    // Before the body is read: who may not replace it need not send it.
    const record = await requireReplaceable(call)
    const file = await readFile(call.request, limits.uploadBytesMax)
    const original = await inspectOriginal(file.bytes, deps)
    const replaced = await put(call, record, original, file.filename, triesMax)
    return Response.json(imageView(replaced, deps), { headers: { etag: etagOf(replaced.version) } })
  }

  async function requireReplaceable(call: UserCall): Promise<ImageRecord> {
    const record = await requireImage(deps, call)
    mustChange(call.user, record)
    const expected = versionInIfMatch(call.request) ?? record.version
    if (record.version !== expected) throw versionMismatch(record.version)
    if (record.processingStatus === 'pending') {
      throw problem('UPLOAD_INCOMPLETE', 'There is no original to replace: complete the upload first.')
    }
    return record
  }

  async function put(
    call: UserCall,
    record: ImageRecord,
    original: Original,
    filename: string | null,
    tries: number,
  ): Promise<ImageRecord> {
    // The same picture again: a repeated request, perhaps.
    if (record.sha256 === original.sha256) return record
    const { attempt, obsoleteKey } = await openAttemptAgainst(deps, record)
    const facts = factsOf(original, attempt, record.focalPoint)
    await originals.put(facts.s3Key, original.bytes, { contentType: original.mimeType })

    const updatedAt = new Date(now()).toISOString()
    const originalFilename =
      filename === null ? record.originalFilename : plainFilename(filename, original.extension)
    const outcome = await metadata.update(
      record.id,
      { ...facts, originalFilename, updatedAt },
      record.version,
    )
    if (outcome.kind === 'changed') {
      await tidy.finish(attempt, outcome.record, { obsoleteKey })
      goOn(deps, 'prerender', () => deps.prerender(record.id))
      return outcome.record
    }
    goOn(deps, 'withdraw original', () => withdraw(originals, attempt, facts.s3Key))
    if (outcome.kind === 'missing') throw imageNotFound()
    // Changed since it was read. Who named a version must decide anew, and requireReplaceable says so.
    if (tries === 1) throw versionMismatch(outcome.currentVersion)
    return put(call, await requireReplaceable(call), original, filename, tries - 1)
  }

  return { replace }
}

/** The file of a request: in the field `file` of a form, or as the whole body; the latter has no name. */
async function readFile(
  request: Request,
  bytesMax: number,
): Promise<{ bytes: Uint8Array; filename: string | null }> {
  const contentType = request.headers.get('content-type') ?? ''
  if (/^multipart\//i.test(contentType)) {
    const { file, fields } = await readUploadForm(request, bytesMax)
    const unknown = [...fields.keys()]
    if (unknown.length === 0) return file
    throw validationFailed(unknown.map((path) => ({ path, message: 'is not known here' })))
  }
  if (!/^(image\/|application\/octet-stream)/i.test(contentType)) {
    throw problem('UNSUPPORTED_MEDIA_TYPE', 'The body must be an image, or multipart/form-data.')
  }
  const bytes = await readBody(request, bytesMax)
  if (bytes === null) throw imageTooLarge(bytesMax, '')
  return { bytes, filename: null }
}
