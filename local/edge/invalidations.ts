import { randomBytes } from 'node:crypto'

/** CloudFront's limits per distribution ("Concurrent invalidation request maximum"). */
const wildcardsInProgressMax = 15
const filesInProgressMax = 3_000

/** How many finished ones are remembered. */
const keptMax = 1_000

export interface Invalidation {
  readonly id: string
  readonly callerReference: string
  readonly paths: readonly string[]
  readonly createdAtMs: number
}

/** Codes of CreateInvalidation that are about what was asked before. */
export type Refusal = 'TooManyInvalidationsInProgress' | 'InvalidationBatchAlreadyExists' | 'BatchTooLarge'

export interface InvalidationsOptions {
  /** Removes paths from the edge; throws RangeError for one that it does not take. */
  readonly invalidate: (paths: readonly string[]) => void
  /** milliseconds since the epoch */
  readonly now: () => number
  /** how long an invalidation counts as being in progress; it takes effect at once */
  readonly progressMs: number
}

/**
 * The invalidations of one distribution, and what CloudFront allows of them.
 *
 * Source: "CreateInvalidation" and "InvalidationBatch" in the Amazon CloudFront API Reference.
 */
export class Invalidations {
  readonly #options: InvalidationsOptions
  /** oldest first */
  #made: Invalidation[] = []

  constructor(options: InvalidationsOptions) {
    this.#options = options
  }

  /**
   * Makes an invalidation, or gives the one that was made by the same request before.
   *
   * @throws {RangeError} for paths that CloudFront would not take
   */
  create(callerReference: string, paths: readonly string[]): Invalidation | Refusal {
    const known = this.#made.find((each) => each.callerReference === callerReference)
    if (known !== undefined) {
      return isSameList(known.paths, paths) ? known : 'InvalidationBatchAlreadyExists'
    }
    if (filesIn(paths) > filesInProgressMax) return 'BatchTooLarge'
    if (!this.#hasRoomFor(paths)) return 'TooManyInvalidationsInProgress'

    this.#options.invalidate(paths)
    const made: Invalidation = {
      id: `I${randomBytes(10).toString('hex').toUpperCase()}`,
      callerReference,
      paths,
      createdAtMs: this.#options.now(),
    }
    this.#made.push(made)
    this.#forgetOldest()
    return made
  }

  find(id: string): Invalidation | undefined {
    return this.#made.find((each) => each.id === id)
  }

  /** Newest first. */
  list(): Invalidation[] {
    return this.#made.toReversed()
  }

  isInProgress({ createdAtMs }: Invalidation): boolean {
    return this.#options.now() < createdAtMs + this.#options.progressMs
  }

  #hasRoomFor(paths: readonly string[]): boolean {
    const inProgress = this.#made.filter((each) => this.isInProgress(each)).flatMap((each) => each.paths)
    const all = [...inProgress, ...paths]
    return wildcardsIn(all) <= wildcardsInProgressMax && filesIn(all) <= filesInProgressMax
  }

  #forgetOldest(): void {
    const surplus = this.#made.length - keptMax
    if (surplus <= 0) return
    this.#made = this.#made.filter((each, index) => index >= surplus || this.isInProgress(each))
  }
}

function wildcardsIn(paths: readonly string[]): number {
  return paths.filter((path) => path.endsWith('*')).length
}

function filesIn(paths: readonly string[]): number {
  return paths.length - wildcardsIn(paths)
}

function isSameList(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((item, index) => item === other[index])
}
