import { AwsV4Signer } from 'aws4fetch'

import { httpOrigin } from './http-origin.ts'
import type { Origin } from './origin.ts'

export interface S3OriginOptions {
  /** `http(s)://host:port` of S3 or of what stands for it; the bucket goes into the path */
  readonly endpoint: string
  readonly bucket: string
  readonly region: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly responseTimeoutMs?: number
}

/**
 * A private bucket as an origin: requests are signed (Signature Version 4, service `s3`), as with origin access control.
 * The key is the path without its leading slash.
 *
 * Source: "Restrict access to an Amazon S3 origin".
 */
export function s3Origin(options: S3OriginOptions): Origin {
  const signingKeys = new Map<string, ArrayBuffer>()
  const timeout =
    options.responseTimeoutMs === undefined ? {} : { responseTimeoutMs: options.responseTimeoutMs }
  return httpOrigin({
    baseUrl: `${options.endpoint}/${options.bucket}`,
    ...timeout,
    async sign({ method, url, headers }) {
      const signer = new AwsV4Signer({
        method,
        url,
        headers: { ...headers },
        service: 's3',
        region: options.region,
        accessKeyId: options.accessKeyId,
        secretAccessKey: options.secretAccessKey,
        cache: signingKeys,
      })
      const signed = await signer.sign()
      return Object.fromEntries(signed.headers)
    },
  })
}
