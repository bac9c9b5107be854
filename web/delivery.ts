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
 * @throws an error if the edge does not have this picture any more, or may not be asked from this page
 */
export async function inspectDelivery(image: HTMLImageElement): Promise<Delivery> {
  const url = image.currentSrc
  const [width, response] = await Promise.all([pixelWidth(url), askEdge(url)])
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

/** What the browser may have asked for, likeliest first. */
const accepts = ['image/avif,image/webp,image/*', 'image/webp,image/*', 'image/*']

/**
 * The edge's answer to HEAD, for the format that the browser got. A page is not told which that was, but how many
 * bytes it had.
 */
async function askEdge(url: string): Promise<Response> {
  const received = bytesReceived(url)
  for (const accept of accepts) {
    const response = await fetch(url, { method: 'HEAD', cache: 'no-store', headers: { accept } })
    if (!response.ok) throw new Error(`the edge answers ${response.status}`)
    if (received === 0 || received === Number(response.headers.get('content-length'))) return response
  }
  throw new Error('the edge has other pictures by now')
}

/** 0 if the browser does not say: it notes down the first few hundred files of a page only. */
function bytesReceived(url: string): number {
  const timings = performance.getEntriesByName(url, 'resource') as PerformanceResourceTiming[]
  return timings.find(({ encodedBodySize }) => encodedBodySize > 0)?.encodedBodySize ?? 0
}
