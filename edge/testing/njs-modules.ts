import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** What answers the function's requests to its KeyValueStore after the present call: njs's own words for it. */
export type Later = 'as a job of the same turn' | 'by a timer'

export interface NjsModules {
  /** its modules: `viewer-request.js`, `cloudfront`, and the files of `njs/` */
  readonly folder: string
  remove(): Promise<void>
}

const later: Record<Later, string> = {
  // The command has no timers.
  'as a job of the same turn': 'function (work) { Promise.resolve().then(work) }',
  'by a timer': 'function (work) { setTimeout(work, 1) }',
}

/**
 * Writes the artefact, unchanged but for an export that njs needs and CloudFront must not have, and the modules around it
 * to a folder of its own. Its `import … from "cloudfront"` finds a file with just that name.
 *
 * @param keys what is in the KeyValueStore
 */
export async function writeNjsModules(
  code: string,
  keys: Readonly<Record<string, string>>,
  answers: Later,
): Promise<NjsModules> {
  const folder = await mkdtemp(join(tmpdir(), 'tintype-njs-'))
  const store = `import create from 'key-value-store.js'
export default create(${JSON.stringify(keys)}, ${later[answers]})`
  await writeFile(join(folder, 'cloudfront'), store)
  await writeFile(join(folder, 'viewer-request.js'), `${code}\nexport default handler\n`)
  for (const file of ['key-value-store.js', 'answer-events.js', 'nginx-adapter.js']) {
    await copyFile(fileURLToPath(new URL(`njs/${file}`, import.meta.url)), join(folder, file))
  }
  return { folder, remove: () => rm(folder, { recursive: true }) }
}
