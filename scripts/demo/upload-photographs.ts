import { createHash, randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { ImageView } from '../../api/image-view.ts'
import { type Photograph, photographs } from '../../local/photographs.ts'
import { type ApiClient, CommandError, type NewPhoto } from '../api-client.ts'

export interface UploadedPhotograph {
  image: ImageView
  /** False if the user had it already. */
  added: boolean
}

/**
 * Uploads the photographs that the user does not have yet. Looks for them first, since the service forgets an
 * Idempotency-Key after a day; the key keeps two runs at once from adding a photograph twice.
 */
export async function* uploadPhotographs(client: ApiClient): AsyncGenerator<UploadedPhotograph> {
  const known = new Map((await client.newest(Infinity)).map((image) => [image.sha256, image]))
  for (const photograph of photographs) {
    const bytes = new Uint8Array(await readFile(photograph.path))
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    const image = known.get(sha256)
    if (image === undefined) yield { image: await add(client, photograph, bytes, sha256), added: true }
    else yield { image, added: false }
  }
}

async function add(
  client: ApiClient,
  { name, title, altText }: Photograph,
  bytes: Uint8Array<ArrayBuffer>,
  sha256: string,
): Promise<ImageView> {
  const photo: NewPhoto = {
    bytes,
    title,
    altText,
    filename: `${name}.jpg`,
    mimeType: 'image/jpeg',
    idempotencyKey: `demo-${name}-${sha256.slice(0, 16)}`,
  }
  try {
    return await client.upload(photo)
  } catch (error) {
    if (!(error instanceof CommandError) || error.code !== 'IMAGE_NOT_FOUND') throw error
    // The key stands for an image that the user has deleted since: now it is wanted again.
    return client.upload({ ...photo, idempotencyKey: `demo-${name}-${randomUUID()}` })
  }
}
