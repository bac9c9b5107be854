import { formatImageUrl } from '../core/image-url.ts'
import { bandOf, rungs } from '../core/ladder.ts'
import { withoutSlash } from './base-url.ts'
import { readUrl, resized } from './read-url.ts'

/** `ImageLoaderProps` of next/image (packages/next/src/shared/lib/image-config.ts in vercel/next.js). */
export interface NextLoaderProps {
  src: string
  /** Device pixels, one of `deviceSizes` and `imageSizes` in the configuration. */
  width: number
  /** 1 to 100. */
  quality?: number
}

/** For `images.deviceSizes` in next.config: the rungs that fill screens. Next adds `imageSizes` itself. */
export const deviceSizes: number[] = rungs.filter((rung) => rung >= 640)
/** For `images.imageSizes` in next.config: the rungs below. */
export const imageSizes: number[] = rungs.filter((rung) => rung < 640)

/**
 * Makes a loader for `<Image>` of next/image, for its `loader` prop or as the default export of `images.loaderFile`.
 *
 * The `src` of an `<Image>` may be the id of an image, `/i/<id>?…`, or any URL under the base, such as the `imageUrl`
 * that the API gives; revision, crop and format in it are kept. Any other `src` goes through as it is, since one
 * `loaderFile` serves all images of an app.
 *
 * @param options.baseUrl where images are served, such as `https://cdn.example.com`
 */
export function createNextLoader(options: { baseUrl: string }): (props: NextLoaderProps) => string {
  const baseUrl = withoutSlash(options.baseUrl)
  return function tintypeLoader({ src, width, quality }) {
    const read = readUrl(src)
    if (read === null || (read.baseUrl !== '' && read.baseUrl !== baseUrl)) return src
    const { request } = read
    const band = quality === undefined ? request.band : bandOf(quality)
    return baseUrl + formatImageUrl({ ...request, size: resized(request.size, width), band })
  }
}
