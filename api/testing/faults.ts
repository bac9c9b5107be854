import type { ApiDependencies } from '../dependencies.ts'
import type { TestWorld } from './test-api.ts'

export interface FaultPlan {
  /** The step that fails, counted from 1 over all stores and the CDN. */
  step: number
  /** Whether the step takes effect before its failure is reported. */
  takesEffect: boolean
  /** Whether all steps after it fail as well, as in a process that has died. */
  forEver: boolean
}

export interface FaultyDependencies extends Pick<
  ApiDependencies,
  'originals' | 'variants' | 'metadata' | 'purge'
> {
  /** Ids that were purged with success. */
  purged: string[]
  /** Whether there were as many steps as the plan needs. */
  hasFailed(): boolean
}

/** The real stores, of which one step fails as planned. */
export function withFault(world: TestWorld, plan: FaultPlan): FaultyDependencies {
  let steps = 0
  const purged: string[] = []

  async function step<Result>(run: () => Promise<Result>): Promise<Result> {
    steps++
    if (steps < plan.step || (steps > plan.step && !plan.forEver)) return run()
    if (steps === plan.step && plan.takesEffect) await run()
    throw new Error(`step ${steps} fails as planned`)
  }

  async function* listing(keys: () => AsyncIterable<string>): AsyncIterable<string> {
    await step(() => Promise.resolve())
    yield* keys()
  }

  function wrap<Store extends object>(store: Store): Store {
    return new Proxy(store, {
      get(target, name, receiver) {
        const member: unknown = Reflect.get(target, name, receiver)
        if (typeof member !== 'function') return member
        const call = (...given: unknown[]): unknown => Reflect.apply(member, target, given)
        if (name === 'list' && 'bucket' in target) {
          return (prefix: string) => listing(() => call(prefix) as AsyncIterable<string>)
        }
        return (...given: unknown[]) => step(async () => call(...given))
      },
    })
  }

  return {
    originals: wrap(world.originals),
    variants: wrap(world.variants),
    metadata: wrap(world.metadata),
    purge: (ids) => step(async () => void purged.push(...ids)),
    purged,
    hasFailed: () => steps >= plan.step,
  }
}
