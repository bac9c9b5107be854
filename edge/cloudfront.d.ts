/** CloudFront Functions' own module; source: "Helper methods for key value stores" in the developer guide. */
declare module 'cloudfront' {
  const cloudfront: {
    /** The KeyValueStore that is associated with the function; throws where there is none. */
    kvs(): { get(key: string): Promise<string> }
  }
  export default cloudfront
}
