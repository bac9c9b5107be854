import type { ApiDependencies } from './dependencies.ts'

/** Goes on with `task` after the answer. Its failure is logged: what it leaves undone, an open intent covers. */
export function goOn(
  { background, log }: Pick<ApiDependencies, 'background' | 'log'>,
  name: string,
  task: () => Promise<unknown>,
): void {
  background(task().catch((error: unknown) => log.warn({ err: error, task: name }, 'background task failed')))
}
