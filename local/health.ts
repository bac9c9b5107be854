/** One part of the running system, for the banner and the health check. */
export interface Part {
  name: string
  /** Where it listens. */
  where: string
  /** Rejects if the part does not answer. */
  check: () => Promise<unknown>
}

/** Answers `GET /health`: 200 if every part answers, else 503; each part with its own state. */
export async function reportHealth(parts: readonly Part[]): Promise<Response> {
  const states = await Promise.all(
    parts.map(async ({ name, check }) => {
      const state = await check().then(
        () => 'up',
        (error: unknown) => `down: ${error instanceof Error ? error.message : String(error)}`,
      )
      return [name, state] as const
    }),
  )
  const up = states.every(([, state]) => state === 'up')
  const body = { status: up ? 'up' : 'down', parts: Object.fromEntries(states) }
  return Response.json(body, { status: up ? 200 : 503, headers: { 'cache-control': 'no-store' } })
}

/** Rejects unless something answers HTTP at `url`, with whatever status. */
export async function answers(url: string): Promise<void> {
  const response = await fetch(url, { signal: AbortSignal.timeout(2000) })
  await response.body?.cancel()
}
