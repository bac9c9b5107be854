import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createPacer, type Pacer } from './pacer.ts'

const { signal } = new AbortController()

/** A pacer on a clock of its own, whose timers are late by turns. */
function pacerOn(clock: { now: number }, rate: number, lateness: readonly number[] = [0]): Pacer {
  let sleeps = 0
  return createPacer({
    rate,
    now: () => clock.now,
    sleep: async (milliseconds) => {
      clock.now += milliseconds + lateness[sleeps++ % lateness.length]!
    },
  })
}

async function timesOf(pacer: Pacer, clock: { now: number }, count: number): Promise<number[]> {
  const turns = Array.from({ length: count }, async () => {
    await pacer.turn(signal)
    return clock.now
  })
  return Promise.all(turns)
}

/** The most of these times that any span of so many milliseconds holds. */
function mostWithin(span: number, times: readonly number[]): number {
  return Math.max(...times.map((from) => times.filter((time) => time >= from && time < from + span).length))
}

describe('a pacer', () => {
  it('lets requests go evenly', async () => {
    const clock = { now: 5000 }
    const times = await timesOf(pacerOn(clock, 50), clock, 200)
    // Ten hundredths of a second are saved up at the start, and spent at once.
    expect(times.slice(0, 6)).toEqual([5000, 5000, 5000, 5000, 5000, 5000])
    expect(times.at(-1)! - times[6]!).toBeCloseTo((200 - 7) * 20)
  })

  it('keeps the rate over any span of time, however late its timers and however long the pauses', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.double({ min: 0.5, max: 2000, noNaN: true }),
        fc.array(fc.double({ min: 0, max: 300, noNaN: true }), { minLength: 1, maxLength: 9 }),
        fc.option(fc.double({ min: 0, max: 5000, noNaN: true })),
        fc.integer({ min: 1, max: 3000 }),
        async (rate, lateness, pause, span) => {
          const clock = { now: 0 }
          const pacer = pacerOn(clock, rate, lateness)
          const first = timesOf(pacer, clock, 60)
          if (pause !== null) pacer.pause(pause)
          const times = [...(await first), ...(await timesOf(pacer, clock, 60))]
          expect(mostWithin(span, times)).toBeLessThanOrEqual((rate * (span + 100)) / 1000 + 1 + 1e-6)
        },
      ),
      { numRuns: 300 },
    )
  })

  it('makes up for late timers', async () => {
    const clock = { now: 0 }
    const times = await timesOf(pacerOn(clock, 50, [3]), clock, 1001)
    expect((times.at(-1)! - times[0]!) / 1000).toBeLessThan((1000 / 50) * 1.001)
  })

  it('lets nothing go while it pauses, and then one by one', async () => {
    const clock = { now: 0 }
    const pacer = pacerOn(clock, 10)
    await pacer.turn(signal)
    pacer.pause(7000)
    pacer.pause(2000)
    const times = await timesOf(pacer, clock, 30)
    expect(times[0]).toBe(7000)
    expect(mostWithin(1000, times)).toBeLessThanOrEqual(12)
    expect(times.at(-1)).toBeGreaterThanOrEqual(7000 + 2700)
  })

  it('holds nobody who was interrupted', async () => {
    const interrupt = new AbortController()
    const pacer = createPacer({ rate: 0.01 })
    await timesOf(pacer, { now: 0 }, 1)
    const turn = Promise.all([pacer.turn(interrupt.signal), pacer.turn(interrupt.signal)])
    interrupt.abort()
    await expect(turn).resolves.toHaveLength(2)
  })
})
