import type { QueryParameter } from './image-url.ts'
import { devicePixels } from './ladder.ts'

/** The parameters of a query, without its `?`, as they stand there. */
export function queryParametersOf(query: string): QueryParameter[] {
  return query
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const at = pair.indexOf('=')
      return at < 0 ? { name: pair, value: '' } : { name: pair.slice(0, at), value: pair.slice(at + 1) }
    })
}

/** The pixels of the screen that a valid image URL asks for, before they are snapped to a rung; null without a width. */
export function askedWidthOf(parameters: readonly QueryParameter[]): number | null {
  const width = valueOf(parameters, 'w')
  if (width === undefined || valueOf(parameters, 'preset') !== undefined) return null
  return devicePixels(Number(width), Number(valueOf(parameters, 'dpr') ?? 1))
}

function valueOf(parameters: readonly QueryParameter[], name: string): string | undefined {
  return parameters.find((parameter) => parameter.name.toLowerCase() === name)?.value
}
