import { z } from 'zod'
import { ImageDetails } from '../core/image.ts'
import { validationFailed } from './problems.ts'

/** What may be said of an image when it is uploaded. */
const details = {
  ...z.object(ImageDetails.shape).partial().shape,
  /** For whom; services only. */
  userId: z.string().min(1).max(255).optional(),
}

/** The fields of the upload form beside the file, parsed. */
export const UploadFields = z.strictObject(details)

/** The body of POST /uploads. */
export const NewUpload = z.strictObject({
  filename: z.string().min(1).max(255),
  mimeType: z.string().max(100),
  /** Size of the file. */
  bytes: z.number().int().positive(),
  ...details,
})
export type NewUpload = z.infer<typeof NewUpload>

/**
 * The texts of a form as the values they stand for: an empty text is null, as forms send it for what is left out.
 *
 * @throws {Problem} VALIDATION_FAILED if a field other than `tags` comes twice
 */
export function valuesOf(fields: ReadonlyMap<string, readonly string[]>): Record<string, unknown> {
  const repeated = [...fields].filter(([name, texts]) => name !== 'tags' && texts.length > 1)
  if (repeated.length > 0) {
    throw validationFailed(repeated.map(([name]) => ({ path: name, message: 'must be given once' })))
  }
  const values: [string, unknown][] = [...fields].map(([name, texts]) => [name, valueOf(name, texts)])
  return Object.fromEntries(values.filter(([, value]) => value !== undefined))
}

function valueOf(name: string, texts: readonly string[]): unknown {
  if (name === 'tags') return tagsIn(texts)
  const text = texts[0]!
  if (text !== '') return text
  return name === 'visibility' || name === 'userId' ? undefined : null
}

/** Tags as a repeated field, as one JSON array, or as one text with commas; each once. */
function tagsIn(texts: readonly string[]): unknown {
  const [only = ''] = texts
  if (texts.length === 1 && only.trimStart().startsWith('[')) {
    try {
      return JSON.parse(only)
    } catch (cause) {
      throw validationFailed([{ path: 'tags', message: 'is not a valid JSON array' }], cause)
    }
  }
  const tags = texts.length === 1 ? only.split(',') : texts
  return [...new Set(tags.map((tag) => tag.trim()).filter((tag) => tag !== ''))]
}

/** A file's name without its path, as long as the record allows; `image.jpg` for one that has none. */
export function plainFilename(name: string, extension: string): string {
  const base = name.slice(Math.max(name.lastIndexOf('/'), name.lastIndexOf('\\')) + 1)
  // Half a character must not stay behind where the cut falls into one.
  const storable = base.slice(0, 255).replace(/\0|\p{Surrogate}/gu, '')
  return storable === '' ? `image.${extension}` : storable
}
