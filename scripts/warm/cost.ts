import { lambdaMemoryGb, prices } from './prices.ts'

/** What a warm-up made the parts of the service do. */
export interface Work {
  /** requests to the CDN */
  sent: number
  /** bytes that the CDN delivered */
  bytes: number
  /** pictures that came from the variants bucket */
  fromBucket: number
  /** pictures that the image Lambda made */
  rendered: number
  /** how long it took over them, together */
  renderMilliseconds: number
}

/** US dollars by part. */
export interface Cost {
  cloudFront: number
  lambda: number
  storage: number
  total: number
}

/** What that costs at list prices; keeping the variants is not in it. */
export function costOf(work: Work): Cost {
  const misses = work.fromBucket + work.rendered
  const cloudFront =
    work.sent * (prices.cloudFrontHttpsRequest + prices.cloudFrontFunction) +
    misses * prices.originShieldRequest +
    work.bytes * prices.cloudFrontByte
  const lambda =
    work.rendered * prices.lambdaRequest +
    (work.renderMilliseconds / 1000) * lambdaMemoryGb * prices.lambdaGbSecond
  // A render looks for the variant in vain, reads the record before and after, reads the original, stores the variant.
  const storage =
    misses * prices.s3Get + work.rendered * (prices.s3Get + 2 * prices.dynamoDbRead + prices.s3Put)
  return { cloudFront, lambda, storage, total: cloudFront + lambda + storage }
}

/** Dollars with three significant digits, and never `$0` for what costs something. */
export function dollars(amount: number): string {
  if (amount === 0) return '$0'
  if (amount >= 100) return `$${amount.toFixed(0)}`
  return `$${amount.toPrecision(3).includes('e') ? amount.toFixed(9) : amount.toPrecision(3)}`
}
