import { expect, it } from 'vitest'
import { geometric, writtenLadders } from './ladders.ts'

it.each(writtenLadders)('the ladder $name rises', ({ ladder }) => {
  expect(ladder).toEqual([...new Set(ladder)].toSorted((left, right) => left - right))
})

it('goes up and down from the anchor by the ratio, in multiples of 8', () => {
  expect(geometric(2, 640)).toEqual([40, 80, 160, 320, 640, 1280, 2560])
  expect(geometric(1.25, 640).slice(-4)).toEqual([1960, 2448, 3056, 3816])
})
