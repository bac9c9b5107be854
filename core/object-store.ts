/** Port to one bucket of objects. Implementations pass `stores/object-store.contract.ts`. */
export interface ObjectStore {
  readonly bucket: string
  /** The object, or null if there is none. `body` must be read to its end or cancelled. */
  get(key: string): Promise<StoredObject | null>
  /** Facts about the object without its bytes, or null. */
  head(key: string): Promise<ObjectFacts | null>
  /** Stores whole bytes; they are durable when the promise resolves. */
  put(key: string, body: Uint8Array, options: PutOptions): Promise<PutOutcome>
  /** Server-side copy within the bucket; false if `from` does not exist. Keeps or replaces the content type. */
  copy(from: string, to: string, options: { contentType?: string }): Promise<boolean>
  /** Deletes; an absent key is no error. */
  delete(keys: readonly string[]): Promise<void>
  /** All keys that begin with `prefix`, in ascending order of their UTF-8 bytes. */
  list(prefix: string): AsyncIterable<string>
  /** What a browser needs to send one object straight to the store by a form POST. */
  presignUpload(key: string, options: PresignOptions): Promise<PresignedUpload>
}

export interface ObjectFacts {
  /** Bytes. */
  size: number
  /** Quoted, as HTTP has it. */
  etag: string
  contentType: string | null
  cacheControl: string | null
}

export interface StoredObject extends ObjectFacts {
  body: ReadableStream<Uint8Array>
}

export interface PutOptions {
  contentType: string
  cacheControl?: string
  /** Do not overwrite: the outcome is `exists` where an object is there already. */
  onlyIfAbsent?: boolean
  /** Overwrite the object with this ETag alone: the outcome is `changed` where it is gone or another one. */
  onlyIfEtag?: string
}
export type PutOutcome = { kind: 'stored'; etag: string } | { kind: 'exists' } | { kind: 'changed' }

export interface PresignOptions {
  contentType: string
  /** Largest accepted size. */
  bytesMax: number
  expiresInSeconds: number
}

/** Fields go into the form before the `file` field, in this order. */
export interface PresignedUpload {
  url: string
  fields: Record<string, string>
}
