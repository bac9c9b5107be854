import { z } from 'zod'
import { S3Error } from './errors.ts'
import type { KeyIndex } from './key-index.ts'
import type { ObjectRecord } from './object-record.ts'

/** The bucket sub-resources that hold a document of the client's, kept and returned verbatim. */
export const BUCKET_CONFIGURATIONS = [
  'cors',
  'encryption',
  'lifecycle',
  'notification',
  'policy',
  'publicAccessBlock',
  'tagging',
] as const
export type BucketConfiguration = (typeof BUCKET_CONFIGURATIONS)[number]

/** A bucket as its own document describes it. */
export const BucketRecord = z.object({
  name: z.string(),
  /** ISO 8601. */
  createdAt: z.string(),
  configurations: z.partialRecord(z.enum(BUCKET_CONFIGURATIONS), z.string()),
})
export type BucketRecord = z.infer<typeof BucketRecord>

export interface Bucket {
  readonly name: string
  record: BucketRecord
  readonly objects: KeyIndex<ObjectRecord>
  /** Writes that have been let in and not finished; the bucket cannot be deleted under them. */
  pendingWrites: number
}

/** @throws {S3Error} `InvalidBucketName`; a valid name is also safe as the name of a directory. */
export function checkBucketName(name: string): void {
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) || name.includes('..')) {
    throw new S3Error('InvalidBucketName')
  }
}
