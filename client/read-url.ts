import { type ImageRequest, isFault, normalizeImageId, parseImageUrl, type Size } from '../core/image-url.ts'
import { type Fit, nearestRatio, presets, snapUp } from '../core/ladder.ts'

/** An image URL taken apart. */
export interface ReadUrl {
  /** What stands before `/i/<id>`; '' where nothing does. */
  baseUrl: string
  request: ImageRequest
  /** Whether it names a width; the request has one in any case. */
  hasWidth: boolean
}

/** Reads `https://cdn.example.com/i/<id>?…`, `/i/<id>?…` or `<id>?…`; null for the URL of anything else. */
export function readUrl(url: string): ReadUrl | null {
  const [address, query = ''] = url.split('#', 1)[0]!.split('?', 2) as [string, string?]
  const at = address.lastIndexOf('/i/')
  const path = normalizeImageId(address) === undefined ? address.slice(Math.max(at, 0)) : `/i/${address}`
  const parameters = query.split('&').map((parameter) => {
    const [name, value = ''] = parameter.split('=', 2) as [string, string?]
    return { name, value }
  })
  const request = parseImageUrl(path, parameters)
  if (isFault(request)) return null
  const hasWidth = parameters.some(({ name }) => name.toLowerCase() === 'w')
  return { baseUrl: at > 0 ? address.slice(0, at) : '', request, hasWidth }
}

/** The same picture at another width, up to the next rung; a preset keeps its shape. */
export function resized(size: Size, width: number): Size & { kind: 'rung' } {
  return { kind: 'rung', ...shapeOf(size), width: snapUp(width) }
}

function shapeOf(size: Size): { ratio: string; fit: Fit } {
  if (size.kind === 'rung') return size
  const { fit, width, height } = presets[size.name]!
  return { fit, ratio: fit === 'cover' ? nearestRatio(width / height) : '' }
}
