import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

import type { ViewerRequestEvent } from '../event.ts'
import { writeNjsModules } from './njs-modules.ts'

export interface NjsRun {
  readonly program: string
  /** the artefact's text */
  readonly code: string
  /** what is in the KeyValueStore */
  readonly keys: Readonly<Record<string, string>>
  readonly events: readonly ViewerRequestEvent[]
}

/** Longer than a few thousand events take on a busy machine; a handler that never answers would hang for good. */
const runSecondsMax = 25

const main = `import fs from 'fs'
import handler from 'viewer-request.js'
import answerEvents from 'answer-events.js'
answerEvents(handler, JSON.parse(fs.readFileSync('events.json', 'utf8'))).then(function (answers) {
  fs.writeFileSync('answers.json', JSON.stringify(answers))
})`

/**
 * What the artefact answers in njs, in the order of the events: as JSON has it, or `{ thrown }`.
 *
 * @throws {Error} with njs's words, if it can't load the artefact or does not end in time
 */
export async function runInNjs({ program, code, keys, events }: NjsRun): Promise<unknown[]> {
  const { folder, remove } = await writeNjsModules(code, keys, 'as a job of the same turn')
  try {
    await writeFile(join(folder, 'main.js'), main)
    await writeFile(join(folder, 'events.json'), JSON.stringify(events))
    const run = promisify(execFile)
    await run(program, ['-t', 'module', '-p', folder, 'main.js'], {
      cwd: folder,
      timeout: runSecondsMax * 1000,
    }).catch((error: Error & { stdout?: string }) => {
      throw new Error(`njs failed: ${error.message} ${error.stdout ?? ''}`, { cause: error })
    })
    return JSON.parse(await readFile(join(folder, 'answers.json'), 'utf8')) as unknown[]
  } finally {
    await remove()
  }
}
