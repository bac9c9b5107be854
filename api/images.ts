import { z } from 'zod'
import { FocalPoint, ImagePatch, type ImageRecord } from '../core/image.ts'
import type { ImageChange, ListQuery } from '../core/metadata-store.ts'
import { mustChange, mustSee, type User } from './auth.ts'
import type { UserCall } from './call.ts'
import { type CursorScope, openCursor, sealCursor } from './cursor.ts'
import type { ApiDependencies } from './dependencies.ts'
import { imageView } from './image-view.ts'
import { openAttempt, openAttemptAgainst } from './intents.ts'
import { requireImage } from './lookup.ts'
import { etagOf, isNotModified, versionInIfMatch } from './preconditions.ts'
import { imageNotFound, notAuthorized, validationFailed, versionMismatch } from './problems.ts'
import { revisionOf } from './revision.ts'
import { createTidy } from './tidy.ts'
import { readJson, validate } from './validate.ts'

export const ListParameters = z.strictObject({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  cursor: z.string().max(1000).optional(),
  albumId: z.string().min(1).max(128).optional(),
  tag: z.string().min(1).max(50).optional(),
  sortOrder: z
    .enum(['asc', 'desc'])
    .default('desc')
    .describe('By time of upload; newest first unless asked.'),
  userId: z.string().min(1).max(255).optional().describe('Whose images; scope images:admin only.'),
})
type ListParameters = z.infer<typeof ListParameters>

/** The body of PATCH /images/:id. */
export const ImageChanges = z.strictObject({
  ...ImagePatch.shape,
  focalPoint: z.strictObject(FocalPoint.shape).nullable().optional(),
  version: z
    .number()
    .int()
    .positive()
    .optional()
    .describe('The version that is changed, unless If-Match names it.'),
})

/** Reading, changing and deleting what is there. */
export function createImages(deps: ApiDependencies) {
  const { metadata, cursorSecret, now } = deps
  const tidy = createTidy(deps)

  async function get(call: UserCall): Promise<Response> {
    const record = await requireImage(deps, call)
    mustSee(call.user, record)
    const headers = { etag: etagOf(record.version), 'cache-control': 'private, no-cache' }
    // The URLs of a private image expire though its version stays.
    if (record.visibility === 'public' && isNotModified(call.request, record.version))
      return new Response(null, { status: 304, headers })
    return Response.json(imageView(record, deps), { headers })
  }

  async function list(call: UserCall): Promise<Response> {
    const parameters = validate(ListParameters, Object.fromEntries(call.url.searchParams))
    const scope: CursorScope = { callerId: call.user.id, query: queryFor(call.user, parameters) }
    const { limit, cursor } = parameters
    const after = cursor === undefined ? null : openCursor(cursor, scope, cursorSecret)
    const page = await metadata.list({ ...scope.query, limit, after })
    const nextCursor = page.next === null ? null : sealCursor(page.next, scope, cursorSecret)
    return Response.json({
      images: page.images.map((record) => imageView(record, deps)),
      pagination: { limit, hasMore: nextCursor !== null, nextCursor },
    })
  }

  async function patch(call: UserCall): Promise<Response> {
    const { version, ...changes } = validate(ImageChanges, await readJson(call.request))
    if (Object.keys(changes).length === 0)
      throw validationFailed([{ path: '', message: 'nothing is to change' }])
    const record = await requireImage(deps, call)
    mustChange(call.user, record)
    const expected = expectedVersion(call.request, version, record)
    if (record.version !== expected) throw versionMismatch(record.version)

    const updatedAt = new Date(now()).toISOString()
    const change: ImageChange = { ...changes, ...revisionAfter(changes, record), updatedAt }
    const attempt = outdatesDelivery(change, record) ? await openAttempt(deps, record.id) : null
    const outcome = await metadata.update(record.id, change, expected)
    if (outcome.kind === 'changed') {
      if (attempt !== null) await tidy.finish(attempt, outcome.record)
      return shown(outcome.record)
    }
    await attempt?.close()
    throw outcome.kind === 'missing' ? imageNotFound() : versionMismatch(outcome.currentVersion)
  }

  /** The tombstone is what deletes; all that follows can be done later, if it fails now. */
  async function remove(call: UserCall): Promise<Response> {
    for (;;) {
      const record = await requireImage(deps, call)
      mustChange(call.user, record)
      const expected = versionInIfMatch(call.request) ?? record.version
      if (record.version !== expected) throw versionMismatch(record.version)

      const { attempt, obsoleteKey } = await openAttemptAgainst(deps, record)
      const outcome = await metadata.delete(record.id, expected)
      if (outcome.kind === 'changed') {
        // No record can follow a tombstone, so no attempt, however young, can still need its object.
        await tidy.finish(attempt, null, { obsoleteKey, attemptsBefore: Infinity })
        return new Response(null, { status: 204 })
      }
      await attempt.close()
      if (outcome.kind === 'missing') throw imageNotFound()
      // Changed since it was read: look again, and at If-Match too.
    }
  }

  function shown(record: ImageRecord): Response {
    return Response.json(imageView(record, deps), { headers: { etag: etagOf(record.version) } })
  }

  return { get, list, patch, remove }
}

/** A new focal point makes other crops, so it makes another revision. */
function revisionAfter({ focalPoint }: ImagePatch, record: ImageRecord): Pick<ImageChange, 'rev'> {
  return focalPoint === undefined ? {} : { rev: revisionOf(record.sha256, focalPoint) }
}

/**
 * Whether something that is stored or cached must go: the variants of an image that is hidden or of an old revision,
 * or the 404 that a hidden image was answered with.
 */
function outdatesDelivery({ visibility, rev }: ImageChange, record: ImageRecord): boolean {
  // Nothing of a pending image was delivered, and its file lies where tidying would remove it.
  if (record.processingStatus === 'pending') return false
  const turns = visibility !== undefined && visibility !== record.visibility
  return turns || (rev !== undefined && rev !== record.rev)
}

/**
 * Whose images a list shows: the caller's own, all in an album for an administrator, or those of the user whom an
 * administrator names.
 */
function queryFor(user: User, { albumId, tag, sortOrder, userId }: ListParameters): CursorScope['query'] {
  if (userId !== undefined && userId !== user.id && !user.isAdmin) throw notAuthorized()
  const owner = userId ?? (user.isAdmin && albumId !== undefined ? undefined : user.id)
  const filter: NonNullable<ListQuery['filter']> = {}
  if (tag !== undefined) filter.tag = tag
  if (albumId !== undefined && owner !== undefined) filter.userId = owner
  return {
    by: albumId === undefined ? { userId: owner ?? user.id } : { albumId },
    order: sortOrder === 'asc' ? 'oldest-first' : 'newest-first',
    filter,
  }
}

/** The version that the caller changes, from the body or from If-Match; `*` is whatever is there. */
function expectedVersion(request: Request, inBody: number | undefined, record: ImageRecord): number {
  const inHeader = versionInIfMatch(request)
  if (inBody !== undefined && inHeader !== null && inBody !== inHeader) {
    throw validationFailed([{ path: 'version', message: 'differs from If-Match' }])
  }
  const expected = inBody ?? inHeader
  if (expected !== null) return expected
  if (request.headers.has('if-match')) return record.version
  throw validationFailed([{ path: 'version', message: 'must be given here or in If-Match' }])
}
