import type { ImagePatch, ImageRecord, OriginalFacts } from './image.ts'

/** Port to the image records. Implementations pass `stores/metadata-store.contract.ts`. */
export interface MetadataStore {
  /** The record, or null where there is none, it was deleted, or it was pending and has expired. */
  get(id: string, options?: { consistent?: boolean }): Promise<ImageRecord | null>
  /** Completed images, newest upload first unless asked otherwise. */
  list(query: ListQuery): Promise<ListPage>
  /** Adds a record. `exists` if the id is taken, be it by a deleted image. */
  create(record: ImageRecord): Promise<'created' | 'exists'>
  /** Applies a change made from `expectedVersion`; sets `updatedAt` and raises `version` by one. */
  update(id: string, change: ImageChange, expectedVersion: number): Promise<ChangeOutcome>
  /**
   * Leaves a tombstone: from now on `get` gives null and `create` gives `exists`. The outcome has the record as
   * it was before.
   */
  delete(id: string, expectedVersion: number): Promise<ChangeOutcome>
  /** Removes a pending record for good. Does nothing to a completed one. */
  discardPending(id: string): Promise<void>

  /**
   * Notes down that objects of this image are about to change, before they do: whatever crashes afterwards,
   * `dueIntents` gives the id from `dueAt` on and the objects can be brought in line with the record. An intent
   * that is open already gets the new `dueAt`.
   */
  openIntent(intent: Intent): Promise<void>
  /** The objects are in line with the record: the note is no longer needed. */
  closeIntent(id: string): Promise<void>
  /** Ids of intents with `dueAt` at or before `now`, oldest first, at most `limit`. */
  dueIntents(now: string, limit: number): Promise<Intent[]>

  /** Binds an idempotency key to a request, once: gives the first claim made under this user and key. */
  claimIdempotencyKey(claim: IdempotencyClaim): Promise<IdempotencyClaim>
}

/** `dueAt` is an ISO 8601 time in UTC. */
export interface Intent {
  id: string
  dueAt: string
}

export interface IdempotencyClaim {
  userId: string
  key: string
  /** Hash of what the request asked for. */
  fingerprint: string
  /** The image that the request makes. */
  imageId: string
  /** Unix seconds. */
  expiresAt: number
}

/** What may change in a record: what its owner may say, and what replacing or completing the original brings. */
export type ImageChange = ImagePatch &
  Partial<OriginalFacts> &
  Partial<Pick<ImageRecord, 'processingStatus' | 'originalFilename' | 'expiresAt' | 'uploadedAt'>> & {
    updatedAt: string
  }

export interface ListQuery {
  by: { userId: string } | { albumId: string }
  /** Page size; fewer are given only on the last page. */
  limit: number
  order: 'newest-first' | 'oldest-first'
  /** Where the page before ended, from `ListPage.next`. */
  after: PagePosition | null
  /** Only images that pass; tested page by page until the page is full. */
  filter?: { tag?: string; userId?: string; visibility?: 'public' }
}

/** Enough to go on after an image: the sort key of both indexes. */
export interface PagePosition {
  uploadedAt: string
  id: string
}

export interface ListPage {
  images: ImageRecord[]
  /** Null on the last page. */
  next: PagePosition | null
}

export type ChangeOutcome =
  | { kind: 'changed'; record: ImageRecord }
  | { kind: 'stale'; currentVersion: number }
  | { kind: 'missing' }
