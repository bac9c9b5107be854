const networkCodes = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN'])

/**
 * Whether an error of a store is likely to pass, so that it is worth trying again: the network's, and what the AWS SDK
 * marks as retryable or as a fault of the server. Read from the error's shape: the SDK itself is not known here.
 */
export function isPassing(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code, name, $retryable, $metadata } = error as Error & {
    code?: unknown
    $retryable?: unknown
    $metadata?: { httpStatusCode?: number }
  }
  if (typeof code === 'string' && networkCodes.has(code)) return true
  if (name === 'TimeoutError' || $retryable !== undefined) return true
  if (($metadata?.httpStatusCode ?? 0) >= 500) return true
  return isPassing(error.cause)
}
