/** How often a width was asked for, in device pixels. */
export interface ObservedWidth {
  readonly width: number
  readonly requests: number
}

export interface LadderOptions {
  /** how many rungs there may be */
  readonly rungs: number
  /** rungs are multiples of this; 1 allows every width */
  readonly step: number
  /** rungs that there must be, multiples of the step */
  readonly include?: readonly number[]
  /** how many times as large as the one before a rung may be: bounds what a width that nobody foresaw can cost */
  readonly ratioMax?: number
}

/**
 * The ladder of at most so many rungs that delivers the fewest pixels beyond those asked for, among all ladders whose
 * rungs are multiples of `step` and none of whose images is too small.
 *
 * Each width w is served by the smallest rung r >= w and costs r² - w² pixels (the aspect ratio cancels out). So the widths in
 * order are cut into segments, each served by its own largest width: a k-segmentation, known as optimal one-dimensional
 * quantisation, here with the upper end of a cell in place of its centre. With D(k, j) the least cost of the j smallest widths
 * on k rungs,
 *
 *     D(k, j) = min over i < j of  D(k-1, i) + cost(i, j)
 *
 * and cost(i, j) from prefix sums in constant time. The cost satisfies the quadrangle inequality, since r² rises with j and
 * counts are not negative: the best i never falls while j rises, and halving the range of j takes O(K n log n). Rungs that must
 * be and a largest ratio bound each segment's start from below, by more for a larger j, which leaves both true.
 *
 * Sources: J. D. Bruce, "Optimum Quantization", MIT technical report 429 (1965); X. Wu, "Optimal quantization by matrix
 * searching", J. Algorithms 12 (1991); H. Wang and M. Song, "Ckmeans.1d.dp", The R Journal 3/2 (2011).
 *
 * @returns rungs in rising order; fewer than allowed if fewer serve all widths exactly
 * @throws RangeError if the options contradict each other or allow no ladder
 */
export function optimalLadder(observed: readonly ObservedWidth[], options: LadderOptions): number[] {
  check(options)
  const { rungs } = options
  const candidates = candidatesOf(observed, options)
  const count = candidates.length
  if (count <= rungs && options.ratioMax === undefined) return candidates.map(({ rung }) => rung)

  const costOf = bounded(segmentCost(candidates), startsOf(candidates, options))
  const cuts: Int32Array[] = []
  let costs = Float64Array.from({ length: count + 1 }, (_, end) => (end === 0 ? 0 : costOf(0, end)))
  for (let rung = 2; rung <= Math.min(rungs, count); rung++) {
    const next = addRung(costs, rung, costOf)
    costs = next.costs
    cuts.push(next.cuts)
  }
  if (costs[count] === Infinity)
    throw new RangeError(`no ladder of ${rungs} rungs is what the options ask for`)
  return endsOf(cuts, count).map((end) => candidates[end - 1]!.rung)
}

/** Pixels delivered beyond those asked for, per pixel asked for; a width above the ladder gets its largest rung. */
export function overfetchOf(observed: readonly ObservedWidth[], ladder: readonly number[]): number {
  let extra = 0
  let needed = 0
  for (const { width, requests } of observed) {
    const rung = ladder.find((each) => each >= width) ?? ladder.at(-1)!
    // What is too small in one image makes up for nothing in another.
    extra += requests * Math.max(0, rung * rung - width * width)
    needed += requests * width * width
  }
  return extra / needed
}

/** A multiple of the step, with the widths that it is the next one for. */
interface Candidate {
  readonly rung: number
  requests: number
}

function check({ rungs, step, include = [], ratioMax = Infinity }: LadderOptions): void {
  if (!(Number.isInteger(rungs) && rungs >= 1)) throw new RangeError('a ladder has one rung at least')
  if (!(Number.isInteger(step) && step >= 1)) throw new RangeError('the step must be a whole number from 1')
  if (!include.every((rung) => rung > 0 && rung % step === 0)) {
    throw new RangeError('rungs that must be are multiples of the step')
  }
  if (!(ratioMax > 1)) throw new RangeError('the largest ratio must be above 1')
}

function candidatesOf(
  observed: readonly ObservedWidth[],
  { step, include = [], ratioMax }: LadderOptions,
): Candidate[] {
  const byRung = new Map<number, Candidate>()
  for (const { width, requests } of observed) {
    if (!(width > 0 && requests >= 0))
      throw new RangeError('widths and counts of requests must not be negative')
    if (requests === 0) continue
    const rung = Math.ceil(width / step) * step
    const candidate = byRung.get(rung) ?? { rung, requests: 0 }
    candidate.requests += requests
    byRung.set(rung, candidate)
  }
  if (byRung.size === 0) throw new RangeError('there are no widths to make a ladder of')
  const smallest = Math.min(...byRung.keys(), ...include)
  const largest = Math.max(...byRung.keys(), ...include)
  // Where the ratio is bounded, a rung may stand where no width was observed.
  const further = ratioMax === undefined ? include : multiples(smallest, largest, step)
  for (const rung of further) if (!byRung.has(rung)) byRung.set(rung, { rung, requests: 0 })
  return [...byRung.values()].toSorted((left, right) => left.rung - right.rung)
}

function multiples(from: number, to: number, step: number): number[] {
  return Array.from({ length: (to - from) / step + 1 }, (_, index) => from + index * step)
}

/** Pixels (of squares) that are delivered for the candidates from `start` up to, not including, `end`. */
type SegmentCost = (start: number, end: number) => number

function segmentCost(candidates: readonly Candidate[]): SegmentCost {
  const requestsBefore = new Float64Array(candidates.length + 1)
  candidates.forEach(({ requests }, index) => {
    requestsBefore[index + 1] = requestsBefore[index]! + requests
  })
  // The pixels asked for are the same on every ladder: they need not be taken off.
  return (start, end) => candidates[end - 1]!.rung ** 2 * (requestsBefore[end]! - requestsBefore[start]!)
}

/**
 * For each end, where a segment may start at the earliest: not before a rung that must be, and not so far down that the
 * rung before it is too small; the first rung, which has none before it, is compared with the smallest width. Rises with
 * the end.
 */
function startsOf(
  candidates: readonly Candidate[],
  { include = [], ratioMax = Infinity }: LadderOptions,
): Int32Array {
  const starts = new Int32Array(candidates.length + 1)
  for (let end = 1; end <= candidates.length; end++) {
    let start = starts[end - 1]!
    // The rung before a segment is the candidate before its start.
    if (end >= 2 && include.includes(candidates[end - 2]!.rung)) start = end - 1
    const { rung } = candidates[end - 1]!
    while (start < end && candidates[Math.max(0, start - 1)]!.rung * ratioMax < rung) start++
    starts[end] = start
  }
  return starts
}

function bounded(costOf: SegmentCost, starts: Int32Array): SegmentCost {
  return (start, end) => (start < starts[end]! ? Infinity : costOf(start, end))
}

interface Row {
  /** least cost of the first `end` candidates */
  readonly costs: Float64Array<ArrayBuffer>
  /** where the last segment of that starts */
  readonly cuts: Int32Array
}

/** D(k, ·) from D(k-1, ·): the middle end first, whose cut bounds the cuts on both sides of it. */
function addRung(fewer: Float64Array, rungs: number, costOf: SegmentCost): Row {
  const costs = new Float64Array(fewer.length).fill(Infinity)
  const cuts = new Int32Array(fewer.length)
  fill(rungs, fewer.length - 1, rungs - 1, fewer.length - 2)
  return { costs, cuts }

  function fill(firstEnd: number, lastEnd: number, firstCut: number, lastCut: number): void {
    if (firstEnd > lastEnd) return
    const end = (firstEnd + lastEnd) >> 1
    for (let cut = firstCut; cut <= Math.min(lastCut, end - 1); cut++) {
      const cost = fewer[cut]! + costOf(cut, end)
      if (cost >= costs[end]!) continue
      costs[end] = cost
      cuts[end] = cut
    }
    // An end that so few rungs cannot reach bounds no other.
    const isReached = costs[end]! < Infinity
    fill(firstEnd, end - 1, firstCut, isReached ? cuts[end]! : lastCut)
    fill(end + 1, lastEnd, isReached ? cuts[end]! : firstCut, lastCut)
  }
}

/** Ends of the segments in rising order. */
function endsOf(cuts: readonly Int32Array[], count: number): number[] {
  const ends = [count]
  for (const row of cuts.toReversed()) ends.unshift(row[ends[0]!]!)
  return ends
}
