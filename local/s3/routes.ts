import {
  configurationOperations,
  createBucket,
  deleteBucket,
  deleteObjects,
  getBucketLocation,
  getBucketVersioning,
  headBucket,
  listBuckets,
  listObjectsV2,
} from './bucket-operations.ts'
import { S3Error } from './errors.ts'
import {
  abortMultipartUpload,
  completeMultipartUpload,
  createMultipartUpload,
  listMultipartUploads,
  listParts,
  uploadPart,
} from './multipart-operations.ts'
import {
  copyObject,
  deleteObject,
  getObject,
  getObjectAttributes,
  getObjectTagging,
  headObject,
  putObject,
} from './object-operations.ts'
import type { Operation } from './operation.ts'
import type { S3Request } from './s3-request.ts'

/** Operations by method and sub-resource, for example `PUT ?cors`. */
type Routes = Readonly<Record<string, Operation>>

const SERVICE_ROUTES: Routes = { GET: listBuckets }

const BUCKET_ROUTES: Routes = {
  PUT: createBucket,
  HEAD: headBucket,
  DELETE: deleteBucket,
  'GET ?list-type': listObjectsV2,
  'GET ?location': getBucketLocation,
  'GET ?uploads': listMultipartUploads,
  'GET ?versioning': getBucketVersioning,
  'POST ?delete': deleteObjects,
  ...Object.fromEntries(
    Object.entries(configurationOperations).flatMap(([name, operations]) => [
      [`PUT ?${name}`, operations.put],
      [`GET ?${name}`, operations.get],
      [`DELETE ?${name}`, operations.delete],
    ]),
  ),
}

const OBJECT_ROUTES: Routes = {
  PUT: putObject,
  'PUT x-amz-copy-source': copyObject,
  GET: getObject,
  HEAD: headObject,
  DELETE: deleteObject,
  'GET ?attributes': getObjectAttributes,
  'GET ?tagging': getObjectTagging,
  'POST ?uploads': createMultipartUpload,
  'PUT ?uploadId': uploadPart,
  'GET ?uploadId': listParts,
  'POST ?uploadId': completeMultipartUpload,
  'DELETE ?uploadId': abortMultipartUpload,
}

// All sub-resources of the API, whether there is an operation for them or not: one that is not recognized would
// turn setting the ACL of an object into overwriting it. `uploadId` comes before the `partNumber` beside it.
const SUBRESOURCES = [
  'uploadId',
  'partNumber',
  'uploads',
  'list-type',
  'delete',
  'versionId',
  'versions',
  'versioning',
  'accelerate',
  'acl',
  'analytics',
  'attributes',
  'cors',
  'encryption',
  'intelligent-tiering',
  'inventory',
  'legal-hold',
  'lifecycle',
  'location',
  'logging',
  'metrics',
  'notification',
  'object-lock',
  'ownershipControls',
  'policy',
  'policyStatus',
  'publicAccessBlock',
  'renameObject',
  'replication',
  'requestPayment',
  'restore',
  'retention',
  'select',
  'tagging',
  'torrent',
  'website',
]

/**
 * Finds the operation a request asks for.
 *
 * @throws {S3Error} `NotImplemented` for sub-resources this server does not have, `MethodNotAllowed`.
 */
export function findOperation(request: S3Request): Operation {
  const { method, query, headers } = request
  const subresource = SUBRESOURCES.find((name) => query.has(name))
  const isCopy = method === 'PUT' && headers.has('x-amz-copy-source')
  const name = [method, subresource && `?${subresource}`, isCopy && 'x-amz-copy-source']
    .filter(Boolean)
    .join(' ')
  const operation = routesOf(request)[name]
  if (operation) return operation
  // Without `list-type` this would be the first version of listing.
  const isImplementedElsewhere =
    subresource !== undefined || isCopy || (method === 'GET' && request.bucket !== '')
  throw new S3Error(isImplementedElsewhere ? 'NotImplemented' : 'MethodNotAllowed')
}

function routesOf({ bucket, key }: S3Request): Routes {
  if (bucket === '') return SERVICE_ROUTES
  return key === '' ? BUCKET_ROUTES : OBJECT_ROUTES
}
