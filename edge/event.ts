/*
 * The event of a CloudFront Functions viewer-request function.
 * Source: "CloudFront Functions event structure" in the Amazon CloudFront developer guide.
 */

/** Query parameters, headers or cookies. Names are as sent for parameters, in lower case for headers. */
export interface EdgeFields {
  [name: string]: { value: string; multiValue?: { value: string }[] }
}

export interface EdgeRequest {
  method: string
  /** The path, percent-encoded as the viewer sent it. */
  uri: string
  querystring: EdgeFields
  headers: EdgeFields
  cookies: EdgeFields
}

export interface EdgeResponse {
  statusCode: number
  statusDescription: string
  headers: EdgeFields
  body?: { encoding: 'text' | 'base64'; data: string }
}

export interface ViewerRequestEvent {
  version: string
  context: { requestId: string }
  viewer: { ip: string }
  request: EdgeRequest
}
