import pino from 'pino'
import { describe, expect, it } from 'vitest'
import { createBackground } from './background.ts'

describe('createBackground', () => {
  it('waits for tasks, for tasks that tasks begin, and survives failures', async () => {
    const background = createBackground(pino({ level: 'silent' }))
    const done: string[] = []
    const pause = () => new Promise((resolve) => setTimeout(resolve, 5))
    background.run(
      pause().then(() => {
        done.push('first')
        background.run(pause().then(() => done.push('second')))
      }),
    )
    background.run(Promise.reject(new Error('broken')))
    await background.drain()
    expect(done).toEqual(['first', 'second'])
  })
})
