/** What came over the wire for a picture. */
export interface Delivery {
  /** Such as `AVIF`. */
  format: string
  /** Pixels. */
  width: number
  bytes: number
  /** The edge's word for it, such as `Hit`. */
  cache: string
  /** Seconds for which the edge has had it; null where it does not say. */
  ageSeconds: number | null
}

/**
 * Finds out what the browser chose and got for a picture that has loaded. The edge is asked again, with HEAD, so
 * `cache` tells how it would serve the next visitor.
 *
 * @throws an error if the edge does not have the picture any more, or may not be asked from this page
 */
export async function inspectDelivery(image: HTMLImageElement): Promise<Delivery> {
  const url = image.currentSrc
  const [width, response] = await Promise.all([
    pixelWidth(url),
    fetch(url, { method: 'HEAD', cache: 'no-store', headers: { accept: acceptFor(url) } }),
  ])
  if (!response.ok) throw new Error(`the edge answers ${response.status}`)
  const age = response.headers.get('age')
  return {
    format: (response.headers.get('content-type') ?? '').replace('image/', '').toUpperCase(),
    width,
    bytes: Number(response.headers.get('content-length')),
    cache: (response.headers.get('x-cache') ?? 'none').split(' ', 1)[0]!,
    ageSeconds: age === null ? null : Number(age),
  }
}

/** Of the file itself, which the browser still has: `naturalWidth` of a picture with a srcset is in CSS pixels. */
async function pixelWidth(url: string): Promise<number> {
  const file = new Image()
  file.src = url
  await file.decode()
  return file.naturalWidth
}

/** Exactly the format that came, where the browser tells; else what today's browsers accept. */
function acceptFor(url: string): string {
  const timing = performance.getEntriesByName(url)[0]
  const type = timing !== undefined && 'contentType' in timing ? String(timing.contentType) : ''
  return type.startsWith('image/') ? type : 'image/avif,image/webp,image/*'
}
