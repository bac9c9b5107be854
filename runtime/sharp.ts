import type sharp from 'sharp'

export type Sharp = typeof sharp

/**
 * What libvips may read. Its other loaders (SVG, PDF, ImageMagick, raw matrices …) run far more code on bytes
 * that strangers send, and none of what they read is an image here.
 */
const loaders = ['JpegBuffer', 'PngBuffer', 'WebpBuffer', 'NsgifBuffer', 'HeifBuffer'].map(
  (name) => `VipsForeignLoad${name}`,
)

let loaded: Promise<Sharp> | undefined

/**
 * sharp, set up for a server; imported on first use, because loading libvips takes longer than all the rest of a
 * cold start and most requests never render.
 */
export function loadSharp(): Promise<Sharp> {
  loaded ??= import('sharp').then(({ default: instance }) => {
    instance.block({ operation: ['VipsForeignLoad'] })
    instance.unblock({ operation: loaders })
    // Every input is another image: an operation cache would only hold memory.
    instance.cache(false)
    // One thread an image: requests are the parallelism, and threads within one image cost CPU to coordinate.
    instance.concurrency(1)
    return instance
  })
  return loaded
}
