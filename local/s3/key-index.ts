/**
 * Values by object key, in the order in which S3 lists keys. The sorted array is kept up to date by binary search,
 * so that a page of a listing costs its own length, not that of the bucket.
 */
export class KeyIndex<Value> {
  readonly #values: Map<string, Value>
  readonly #sortedKeys: string[]

  constructor(entries: Iterable<readonly [string, Value]> = []) {
    this.#values = new Map(entries)
    this.#sortedKeys = [...this.#values.keys()].toSorted(compareUtf8)
  }

  get size(): number {
    return this.#values.size
  }

  get(key: string): Value | undefined {
    return this.#values.get(key)
  }

  set(key: string, value: Value): void {
    if (!this.#values.has(key)) this.#sortedKeys.splice(this.#positionOf(key), 0, key)
    this.#values.set(key, value)
  }

  delete(key: string): void {
    if (this.#values.delete(key)) this.#sortedKeys.splice(this.#positionOf(key), 1)
  }

  /** The first entry whose key is not `isBefore`; all keys that are must come before all that are not. */
  firstFrom(isBefore: (key: string) => boolean): Value | undefined {
    const key = this.#sortedKeys[partitionPoint(this.#sortedKeys, isBefore)]
    return key === undefined ? undefined : this.#values.get(key)
  }

  #positionOf(key: string): number {
    return partitionPoint(this.#sortedKeys, (other) => compareUtf8(other, key) < 0)
  }
}

/** Compares as the UTF-8 bytes of both strings would, which is the order S3 lists in. */
export function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let at = 0; at < length; at++) {
    const [unitA, unitB] = [a.charCodeAt(at), b.charCodeAt(at)]
    if (unitA !== unitB) return utf8Rank(unitA) - utf8Rank(unitB)
  }
  return a.length - b.length
}

// UTF-16 puts surrogate pairs before U+E000 to U+FFFF, UTF-8 puts the characters they stand for after.
function utf8Rank(unit: number): number {
  if (unit < 0xd800) return unit
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800
}

function partitionPoint(keys: readonly string[], isBefore: (key: string) => boolean): number {
  let [low, high] = [0, keys.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (isBefore(keys[middle] ?? '')) low = middle + 1
    else high = middle
  }
  return low
}
