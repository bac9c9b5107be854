import { CloudFrontClient } from '@aws-sdk/client-cloudfront'
import { createRequestListener } from '@remix-run/node-fetch-server'
import { createCloudFrontPurge } from '../stores/cloudfront-purge.ts'
import type { Edge } from './edge/edge-server.ts'
import { createInvalidationApi } from './edge/invalidation-api.ts'
import { listen } from './http-server.ts'
import { localCredentials, localRegion } from './parts.ts'

const distributionId = 'ELOCAL'

/**
 * Lets images be purged from the local edge the way they are from CloudFront: by the AWS SDK, over HTTP. Here an
 * invalidation is complete as soon as it is accepted.
 *
 * @param onStop takes what ends it, after the purges that are under way
 */
export async function startPurge(
  edge: Pick<Edge, 'invalidate'>,
  onStop: (close: () => Promise<void>) => void,
): Promise<(imageIds: string[]) => Promise<void>> {
  const api = createInvalidationApi({ distributionId, invalidate: edge.invalidate })
  const server = await listen(createRequestListener(api), 0, '127.0.0.1')
  onStop(server.close)

  const client = new CloudFrontClient({
    endpoint: `http://127.0.0.1:${server.port}`,
    region: localRegion,
    credentials: localCredentials,
  })
  const { purge, drain } = createCloudFrontPurge({ client, distributionId })
  onStop(async () => {
    await drain()
    client.destroy()
  })
  return purge
}
