/** Tries in all, as the AWS SDK has it. */
const attemptsMax = 3

/** Bound of the first pause in milliseconds; each further one is twice as long. */
const firstPauseMsMax = 100

/**
 * Does some work again while it fails in a way that may pass. Pauses are random between nothing and a bound that
 * doubles ("full jitter"), so that the many who failed together do not come back together.
 *
 * @param work gets the number of the attempt, from 0
 * @throws the last error
 */
export async function withRetries<Result>(
  work: (attempt: number) => Promise<Result>,
  isTransient: (error: unknown) => boolean,
): Promise<Result> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await work(attempt)
    } catch (error) {
      if (attempt + 1 === attemptsMax || !isTransient(error)) throw error
      const pauseMs = Math.random() * firstPauseMsMax * 2 ** attempt
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
  }
}
