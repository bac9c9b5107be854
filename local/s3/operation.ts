import type { DiskStore } from './disk-store.ts'
import type { MultipartUploads } from './multipart.ts'
import type { Notifications } from './notifications.ts'
import type { S3Request } from './s3-request.ts'
import type { S3Response } from './s3-response.ts'
import type { Payload } from './signature.ts'

/** What operations work on. */
export interface Services {
  readonly store: DiskStore
  readonly uploads: MultipartUploads
  readonly notifications: Notifications
}

/** One S3 API operation, for a request whose signature has been verified. */
export type Operation = (
  request: S3Request,
  payload: Payload,
  services: Services,
) => Promise<S3Response> | S3Response
