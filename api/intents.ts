import { decodeTime, ulid } from 'ulid'
import type { ImageRecord } from '../core/image.ts'
import type { MetadataStore } from '../core/metadata-store.ts'
import type { ApiDependencies } from './dependencies.ts'

/*
 * Every change that touches objects is an attempt. It has a name of its own, a ULID, which stands in the intent that
 * is noted down first and in the key of the object that is put. So attempts at one image never meet: each closes
 * its own intent and deletes its own object, and an object's key tells how old the attempt behind it is.
 * docs/adr/0002-objects-follow-records.md tells why.
 */

/** After so long no request is still running: what an attempt left unfinished may be put in order. */
export const attemptSecondsMax = 15 * 60

/** When to go on with an attempt that ended early. */
const retrySeconds = 60

/** What an intent says, as it is spelled in its id. */
export interface IntentNote {
  imageId: string
  attempt: string
  /**
   * `finish` what a change began; or `look-again`: all was put in order, but a render that was running at the time
   * may have stored a variant since.
   */
  kind: 'finish' | 'look-again'
  /** A key outside `o/<id>/` that the change makes obsolete, for no listing would find it. */
  obsoleteKey: string | null
}

export interface Attempt {
  imageId: string
  name: string
  /** Key for an original that this attempt brings. */
  keyFor(original: { rev: string; extension: string }): string
  /** All is in order. */
  close(): Promise<void>
  /** It ended before all was in order: whoever sweeps need not wait until it must have. */
  dueSoon(): Promise<void>
  /** All is in order for now: see `look-again`. */
  closeAndLookAgain(): Promise<void>
}

/**
 * Notes down that objects of an image are about to change.
 *
 * @param options.dueInSeconds when to put in order what is unfinished by then
 * @param options.obsoleteKey the original that the change makes obsolete
 */
export async function openAttempt(
  { metadata, now, retainOriginals }: Pick<ApiDependencies, 'metadata' | 'now' | 'retainOriginals'>,
  imageId: string,
  options: { dueInSeconds?: number; obsoleteKey?: string | null } = {},
): Promise<Attempt> {
  const name = ulid(now())
  const { dueInSeconds = attemptSecondsMax, obsoleteKey = null } = options
  const listed = obsoleteKey?.startsWith(originalPrefix(imageId)) ?? false
  const note: IntentNote = {
    imageId,
    attempt: name,
    kind: 'finish',
    obsoleteKey: listed || retainOriginals ? null : obsoleteKey,
  }
  const id = formatIntentId(note)
  const due = (seconds: number): string => new Date(now() + seconds * 1000).toISOString()

  await metadata.openIntent({ id, dueAt: due(dueInSeconds) })
  const close = (): Promise<void> => metadata.closeIntent(id)
  return {
    imageId,
    name,
    keyFor: ({ rev, extension }) => `${originalPrefix(imageId)}${rev}-${name}.${extension}`,
    close,
    dueSoon: () => metadata.openIntent({ id, dueAt: due(retrySeconds) }),
    async closeAndLookAgain() {
      await metadata.openIntent({
        id: formatIntentId({ ...note, kind: 'look-again' }),
        dueAt: due(attemptSecondsMax),
      })
      await close()
    },
  }
}

/**
 * Opens an attempt at a change that makes the original of a record obsolete, and gives the key of that original; null
 * if it lies in another bucket, which is not ours.
 */
export async function openAttemptAgainst(
  deps: Pick<ApiDependencies, 'originals' | 'metadata' | 'now' | 'retainOriginals'>,
  record: ImageRecord,
): Promise<{ attempt: Attempt; obsoleteKey: string | null }> {
  const obsoleteKey = record.s3Bucket === deps.originals.bucket ? record.s3Key : null
  const attempt = await openAttempt(deps, record.id, { obsoleteKey })
  if (deps.retainOriginals) await closeIntentBehind(deps.metadata, record)
  return { attempt, obsoleteKey }
}

/**
 * Closes the intent of the attempt that brought the original of a record. Where originals are retained this must come
 * before the record forgets it: an attempt whose intent is open and whose object no record names is a failed upload.
 */
async function closeIntentBehind(metadata: MetadataStore, record: ImageRecord): Promise<void> {
  const attempt = attemptOf(record.s3Key)
  if (attempt === null) return
  await metadata.closeIntent(
    formatIntentId({ imageId: record.id, attempt: attempt.name, kind: 'finish', obsoleteKey: null }),
  )
}

/** The prefix of all originals of an image. */
export function originalPrefix(imageId: string): string {
  return `o/${imageId}/`
}

/** Where a browser puts a file that is not looked at yet. */
export function pendingKey(imageId: string): string {
  return `pending/${imageId}`
}

/** The attempt that brought an original; null for a key that no attempt made, such as one of a migrated row. */
export function attemptOf(key: string): { name: string; startedAt: number } | null {
  const name = /^o\/.*-([0-9A-HJKMNP-TV-Z]{26})\.[a-z]+$/.exec(key)?.[1]
  return name === undefined ? null : { name, startedAt: decodeTime(name) }
}

/** When an attempt began, in milliseconds since the epoch; null for an intent that no attempt opened. */
export function startOf(attempt: string): number | null {
  return /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(attempt) ? decodeTime(attempt) : null
}

export function formatIntentId({ imageId, attempt, kind, obsoleteKey }: IntentNote): string {
  const parts = [imageId, attempt, kind]
  if (obsoleteKey !== null) parts.push(Buffer.from(obsoleteKey).toString('base64url'))
  return parts.join('~')
}

/** Reads an intent's id; an id that is an image's own is taken as an intent to finish. */
export function parseIntentId(id: string): IntentNote {
  const [imageId = '', attempt = '', kind, obsoleteKey] = id.split('~')
  return {
    imageId,
    attempt,
    kind: kind === 'look-again' ? 'look-again' : 'finish',
    obsoleteKey: obsoleteKey === undefined ? null : Buffer.from(obsoleteKey, 'base64url').toString(),
  }
}

/** Removes the one object that an attempt leaves over. Others it must not touch: they are another attempt's. */
export async function withdraw(
  originals: ApiDependencies['originals'],
  attempt: Attempt,
  key: string,
): Promise<void> {
  await originals.delete([key])
  await attempt.close()
}
