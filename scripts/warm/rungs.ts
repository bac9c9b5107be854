import { hotRungs } from '../../core/hot-rungs.ts'
import { rungs } from '../../core/ladder.ts'

/**
 * Reads `hot`, `all`, or widths such as `640,1256`.
 *
 * @throws an error that lists the rungs if a width is none
 */
export function parseRungs(text: string): readonly number[] {
  if (text === 'hot') return hotRungs
  if (text === 'all') return rungs
  return text.split(',').map((item) => {
    const width = Number(item)
    if (rungs.includes(width)) return width
    throw new RangeError(`${item} is not a rung; there are hot, all, or of these: ${rungs.join(',')}`)
  })
}
