import { loadOriginConfig } from '../../runtime/config.ts'
import { createS3ObjectStore } from '../../stores/s3-object-store.ts'
import { report } from './report.ts'
import { s3Client } from './sdk-clients.ts'

/* The SDK's client alone: one GET of a stored variant. */

const config = loadOriginConfig(process.env)
const store = createS3ObjectStore({ client: s3Client(config), bucket: config.variantsBucket })
const object = await store.get(process.argv[2]!)
await new Response(object!.body).arrayBuffer()
report()
