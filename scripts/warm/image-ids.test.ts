import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { readImageIds } from './image-ids.ts'

let directory: string
let file: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tintype-warm-'))
  file = join(directory, 'ids.txt')
})
afterEach(() => rm(directory, { recursive: true }))

const ulid = '01ARZ3NDEKTSV4RRFFQ69G5FAV'
const uuid = '0d2b3f3e-5d4e-4c5d-9a0f-0123456789ab'

it('reads each id once, in its one spelling', async () => {
  await writeFile(file, `# chosen by hand\r\n${ulid}\r\n\n  ${ulid.toLowerCase()} \n${uuid.toUpperCase()}`)
  expect(await readImageIds(file)).toEqual([ulid, uuid])
})

it('names the line that is no id', async () => {
  await writeFile(file, `${ulid}\n\n../etc`)
  await expect(readImageIds(file)).rejects.toMatchObject({
    message: `${file}, line 3: ../etc is no image id, neither a ULID nor a UUID`,
    exitCode: 2,
  })
})

it('says which file is not there', async () => {
  await expect(readImageIds(file)).rejects.toMatchObject({
    message: expect.stringContaining(`${file} cannot be read: ENOENT`),
    exitCode: 2,
  })
})
