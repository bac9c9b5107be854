export { createS3Server, type S3Server, type S3ServerOptions } from './server.ts'
export type { S3EventListener, S3EventName } from './notifications.ts'
