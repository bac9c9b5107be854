export interface Measurement<Result> {
  /** User and system time of the whole process in milliseconds: the least of the runs. */
  cpuMs: number
  result: Result
}

/** Runs a piece of work alone, some times over, and takes the run that the machine disturbed least. */
export async function cpuTime<Result>(
  work: () => Promise<Result>,
  runs: number,
): Promise<Measurement<Result>> {
  let best: Measurement<Result> | undefined
  for (let run = 0; run < runs; run++) {
    const before = process.cpuUsage()
    const result = await work()
    const { user, system } = process.cpuUsage(before)
    const cpuMs = (user + system) / 1000
    if (best === undefined || cpuMs < best.cpuMs) best = { cpuMs, result }
  }
  return best!
}

/** The middle one of some numbers. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
