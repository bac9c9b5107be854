export type { AspectRatio, ImageRef, Look, PresetName, Quality } from './image-ref.ts'
export {
  type ArtDirection,
  createImageUrls,
  type ImageUrls,
  type ImgAttributes,
  type Picture,
  type PictureOptions,
  type SourceAttributes,
  type SrcOptions,
  type SrcSetOptions,
} from './image-urls.ts'
export type { Fit, Format } from '../core/ladder.ts'
