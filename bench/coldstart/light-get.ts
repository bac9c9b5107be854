import { loadOriginConfig } from '../../runtime/config.ts'
import { createLightObjectStore } from '../../stores/light-object-store.ts'
import { report } from './report.ts'

/* The light client alone: one GET of a stored variant. */

const { region, credentials, endpoints, variantsBucket } = loadOriginConfig(process.env)
const store = createLightObjectStore({ region, credentials, endpoint: endpoints.s3, bucket: variantsBucket })
const object = await store.get(process.argv[2]!)
await new Response(object!.body).arrayBuffer()
report()
