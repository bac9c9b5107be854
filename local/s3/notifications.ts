import type { S3EventRecord } from 'aws-lambda'
import { encodeStrictly } from './percent-encoding.ts'
import type { S3Request } from './s3-request.ts'

export type S3EventName =
  | 'ObjectCreated:Put'
  | 'ObjectCreated:Post'
  | 'ObjectCreated:Copy'
  | 'ObjectCreated:CompleteMultipartUpload'
  | 'ObjectRemoved:Delete'

/** Receives one record per change; whatever it throws is reported and otherwise ignored. */
export type S3EventListener = (record: S3EventRecord) => void | Promise<void>

interface ChangedObject {
  readonly key: string
  readonly sizeBytes: number
  readonly etag: string
}

/** Tells the listener about committed changes, in the order in which they are announced. */
export class Notifications {
  readonly #listener: S3EventListener | undefined
  readonly #onError: (error: unknown) => void
  readonly #now: () => number
  readonly #deliveries = new Set<Promise<void>>()
  #sequence = 0

  constructor(listener: S3EventListener | undefined, onError: (error: unknown) => void, now: () => number) {
    this.#listener = listener
    this.#onError = onError
    this.#now = now
  }

  /** Announces a change that has been committed; returns at once. */
  announce(eventName: S3EventName, request: S3Request, object: ChangedObject): void {
    if (!this.#listener) return
    const delivery = this.#deliver(this.#listener, this.#record(eventName, request, object))
    this.#deliveries.add(delivery)
    void delivery.finally(() => this.#deliveries.delete(delivery))
  }

  /** Resolves when the listener is done with everything announced so far. */
  async settled(): Promise<void> {
    await Promise.all(this.#deliveries)
  }

  async #deliver(listener: S3EventListener, record: S3EventRecord): Promise<void> {
    try {
      await listener(record)
    } catch (error) {
      this.#onError(error)
    }
  }

  #record(eventName: S3EventName, request: S3Request, object: ChangedObject): S3EventRecord {
    return {
      eventVersion: '2.1',
      eventSource: 'aws:s3',
      awsRegion: 'us-east-1',
      eventTime: new Date(this.#now()).toISOString(),
      eventName,
      userIdentity: { principalId: 'local' },
      requestParameters: { sourceIPAddress: request.clientAddress },
      responseElements: { 'x-amz-request-id': request.id, 'x-amz-id-2': request.id },
      s3: {
        s3SchemaVersion: '1.0',
        configurationId: 'local',
        bucket: {
          name: request.bucket,
          ownerIdentity: { principalId: 'local' },
          arn: `arn:aws:s3:::${request.bucket}`,
        },
        object: {
          // Form encoding, as S3 does it; a receiver has to undo it.
          key: encodeStrictly(object.key).replaceAll('%20', '+').replaceAll('%2F', '/'),
          size: object.sizeBytes,
          eTag: object.etag,
          sequencer: this.#nextSequencer(),
        },
      },
    }
  }

  // Later changes of a key have greater sequencers, across restarts too.
  #nextSequencer(): string {
    this.#sequence += 1
    const time = this.#now().toString(16).toUpperCase().padStart(12, '0')
    return time + this.#sequence.toString(16).toUpperCase().padStart(8, '0')
  }
}
