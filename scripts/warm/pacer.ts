import { setTimeout as delay } from 'node:timers/promises'

/** Lets requests go one by one, no faster than a rate. */
export interface Pacer {
  /** Resolves when the next request may go; at once when the signal is aborted. */
  turn(signal: AbortSignal): Promise<void>
  /** Nothing goes for so many milliseconds. */
  pause(milliseconds: number): void
}

export interface PacerOptions {
  /** Requests per second. */
  rate: number
  /** Milliseconds, never going back. */
  now?: () => number
  /** Resolves after so many milliseconds, or when the signal is aborted. */
  sleep?: (milliseconds: number, signal: AbortSignal) => Promise<void>
}

/** A late timer is made up for by as many requests as fit into this: no more than that go at once. */
const slackMilliseconds = 100

/**
 * A token bucket in the form of the generic cell rate algorithm: it holds the tokens of a tenth of a second, so that in any
 * span of time t (seconds) at most `rate × (t + 0.1) + 1` requests go.
 *
 * Source: ITU-T I.371, annex A ("virtual scheduling").
 */
export function createPacer({ rate, now = () => performance.now(), sleep = sleepFor }: PacerOptions): Pacer {
  const interval = 1000 / rate
  /** When the next request would go if all had gone evenly. */
  let due = -Infinity
  let pausedUntil = -Infinity
  let last: Promise<void> = Promise.resolve()

  async function waitAndGo(signal: AbortSignal): Promise<void> {
    for (;;) {
      const wait = Math.max(due, pausedUntil) - now()
      if (wait <= 0 || signal.aborted) break
      await sleep(wait, signal)
    }
    due = Math.max(due, now() - slackMilliseconds) + interval
  }

  return {
    turn(signal) {
      // One waits for its time, the others for it: a pause holds all of them, and they leave it one by one.
      last = last.then(() => waitAndGo(signal))
      return last
    },
    pause(milliseconds) {
      pausedUntil = Math.max(pausedUntil, now() + milliseconds)
      // What was saved up before a pause must not come as a burst after it.
      due = Math.max(due, pausedUntil)
    },
  }
}

async function sleepFor(milliseconds: number, signal: AbortSignal): Promise<void> {
  // A timer of less than a millisecond would fire early, one after 2^31 at once.
  const bounded = Math.min(Math.max(1, Math.ceil(milliseconds)), 2 ** 31 - 1)
  await delay(bounded, undefined, { signal }).catch(() => undefined)
}
