/** Numbers from 0 up to, not including, 1; the same seed gives the same sequence on every machine. */
export type Random = () => number

/**
 * A seeded generator: 32 bits of state, a period of 2^32, which a workload of some millions of requests does not use up.
 *
 * Source: Tommy Ettinger's mulberry32.
 */
export function createRandom(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/**
 * Draws an index in proportion to its weight, in constant time.
 *
 * Source: A. J. Walker's alias method, in the form of M. D. Vose (1991).
 */
export function createPicker(weights: readonly number[]): (random: Random) => number {
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  if (!(total > 0)) throw new RangeError('a choice needs a weight above 0')
  const count = weights.length
  const chances = weights.map((weight) => (weight * count) / total)
  const aliases = weights.map((_weight, index) => index)

  const small: number[] = []
  const large: number[] = []
  chances.forEach((chance, index) => (chance < 1 ? small : large).push(index))
  while (small.length > 0 && large.length > 0) {
    const poor = small.pop()!
    const rich = large.pop()!
    aliases[poor] = rich
    const left = chances[rich]! + chances[poor]! - 1
    chances[rich] = left
    if (left < 1) small.push(rich)
    else large.push(rich)
  }
  // What is left over differs from 1 by rounding alone.
  for (const index of [...small, ...large]) aliases[index] = index

  return (random) => {
    const position = random() * count
    const index = Math.floor(position)
    return position - index < chances[index]! ? index : aliases[index]!
  }
}

/** Draws one of several things in proportion to its share. */
export function createChoice<T>(
  choices: readonly (readonly [share: number, thing: T])[],
): (random: Random) => T {
  const pick = createPicker(choices.map(([share]) => share))
  return (random) => choices[pick(random)]![1]
}

/** Weights 1 / rank^exponent, the most popular first. */
export function zipfWeights(count: number, exponent: number): number[] {
  return Array.from({ length: count }, (_, index) => 1 / (index + 1) ** exponent)
}
