import { isDeepStrictEqual } from 'node:util'

/** A request that two implementations answer in two ways. */
export interface Difference<Asked> {
  readonly asked: Asked
  readonly expected: unknown
  readonly answered: unknown
}

/** Where the answers differ from the expected ones; equal is what is equal as JSON. */
export function differences<Asked>(
  asked: readonly Asked[],
  expected: readonly unknown[],
  answered: readonly unknown[],
): Difference<Asked>[] {
  return asked
    .map((each, i) => ({ asked: each, expected: asJson(expected[i]), answered: asJson(answered[i]) }))
    .filter((each) => !isDeepStrictEqual(each.expected, each.answered))
}

function asJson(value: unknown): unknown {
  return value === undefined ? undefined : (JSON.parse(JSON.stringify(value)) as unknown)
}
