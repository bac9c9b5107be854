/**
 * List prices in US dollars: us-east-1, arm64, viewers in North America and Europe, the first tier, without free tiers.
 *
 * As of September 2026, from https://aws.amazon.com/lambda/pricing/, https://aws.amazon.com/s3/pricing/,
 * https://aws.amazon.com/dynamodb/pricing/on-demand/ and https://aws.amazon.com/cloudfront/pricing/.
 */
export const prices = {
  lambdaGbSecond: 0.000_013_333_4,
  lambdaRequest: 0.2 / 1e6,
  /** S3 Standard; a GET of what is not there costs the same. */
  s3Get: 0.0004 / 1000,
  s3Put: 0.005 / 1000,
  /** A consistent read of an item of at most 4 kB. */
  dynamoDbRead: 0.125 / 1e6,
  cloudFrontHttpsRequest: 0.01 / 10_000,
  cloudFrontFunction: 0.1 / 1e6,
  /** A request that reaches the shield from another region's cache. */
  originShieldRequest: 0.0075 / 10_000,
  cloudFrontByte: 0.085 / 1e9,
} as const

/** Memory of the image Lambda, in GB of 1,024 MB: with 1,769 MB it has one whole vCPU. */
export const lambdaMemoryGb = 1769 / 1024
