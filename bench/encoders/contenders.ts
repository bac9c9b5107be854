import type { Sharp as Pipeline } from 'sharp'

/** One encoder with settings of its own, at all qualities. */
export interface Contender {
  name: string
  encode: (pipeline: Pipeline, quality: number) => Pipeline
  /** Where its curve is measured: from below the look of the low band to above that of the high one. */
  qualities: readonly number[]
}

/** What everybody gets who writes `.webp()`: quality 80, effort 4. */
export const defaultWebp: Contender = { name: 'WebP effort 4', ...webp({ effort: 4 }) }

export const contenders: readonly Contender[] = [
  defaultWebp,
  { name: 'WebP effort 0', ...webp({ effort: 0 }) },
  { name: 'WebP effort 2', ...webp({ effort: 2 }) },
  { name: 'WebP effort 6', ...webp({ effort: 6 }) },
  { name: 'WebP effort 2, sharp YUV', ...webp({ effort: 2, smartSubsample: true }) },
  { name: 'WebP effort 4, sharp YUV', ...webp({ effort: 4, smartSubsample: true }) },
  { name: 'AVIF effort 0, 4:2:0', ...avif({ effort: 0, chromaSubsampling: '4:2:0' }) },
  { name: 'AVIF effort 0, 4:4:4', ...avif({ effort: 0, chromaSubsampling: '4:4:4' }) },
  { name: 'AVIF effort 0, 10 bit', ...avif({ effort: 0, chromaSubsampling: '4:2:0', bitdepth: 10 }) },
  { name: 'AVIF effort 3, 4:2:0', ...avif({ effort: 3, chromaSubsampling: '4:2:0' }) },
  { name: 'AVIF effort 3, 4:4:4', ...avif({ effort: 3, chromaSubsampling: '4:4:4' }) },
  { name: 'AVIF effort 3, 10 bit', ...avif({ effort: 3, chromaSubsampling: '4:2:0', bitdepth: 10 }) },
  { name: 'AVIF effort 4, 4:2:0', ...avif({ effort: 4, chromaSubsampling: '4:2:0' }) },
  { name: 'JPEG progressive, 4:2:0', ...jpeg({ progressive: true }) },
  { name: 'JPEG progressive, 4:4:4', ...jpeg({ progressive: true, chromaSubsampling: '4:4:4' }) },
  { name: 'JPEG mozjpeg, 4:2:0', ...jpeg({ mozjpeg: true }) },
  { name: 'JPEG mozjpeg, 4:4:4', ...jpeg({ mozjpeg: true, chromaSubsampling: '4:4:4' }) },
]

function webp(options: Parameters<Pipeline['webp']>[0]): Omit<Contender, 'name'> {
  return {
    encode: (pipeline, quality) => pipeline.webp({ ...options, quality }),
    qualities: [40, 60, 80, 90, 97],
  }
}

function avif(options: Parameters<Pipeline['avif']>[0]): Omit<Contender, 'name'> {
  return {
    encode: (pipeline, quality) => pipeline.avif({ ...options, quality }),
    qualities: [30, 45, 58, 72, 88],
  }
}

function jpeg(options: Parameters<Pipeline['jpeg']>[0]): Omit<Contender, 'name'> {
  return {
    encode: (pipeline, quality) => pipeline.jpeg({ ...options, quality }),
    qualities: [40, 60, 78, 90, 97],
  }
}
