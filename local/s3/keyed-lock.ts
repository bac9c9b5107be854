/** Runs tasks of the same name one after another, and tasks of different names side by side. */
export class KeyedLock {
  readonly #tails = new Map<string, Promise<unknown>>()

  async run<Result>(name: string, task: () => Promise<Result>): Promise<Result> {
    const previous = this.#tails.get(name)
    const turn = previous ? previous.then(task, task) : task()
    this.#tails.set(name, turn)
    try {
      return await turn
    } finally {
      if (this.#tails.get(name) === turn) this.#tails.delete(name)
    }
  }
}
