import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Where a tool is, or why what needs it can't run here. */
export type Tool<Found> = { readonly found: Found } | { readonly missing: string }

export interface Nginx {
  readonly program: string
  /** path of the njs module, for `load_module` */
  readonly jsModule: string
}

/** Debian keeps servers where only root's PATH looks. */
const serverFolders = ['/usr/sbin', '/usr/local/sbin']

export function findNjs(): Tool<string> {
  const program = findProgram('njs')
  return program === null ? { missing: 'njs is not installed: apt-get install njs' } : { found: program }
}

export function findNginx(): Tool<Nginx> {
  const program = findProgram('nginx')
  if (program === null) return { missing: 'nginx is not installed: apt-get install nginx-light' }
  const { stderr } = spawnSync(program, ['-V'], { encoding: 'utf8' })
  const folder = /--modules-path=(\S+)/.exec(stderr)?.[1] ?? '/usr/lib/nginx/modules'
  const jsModule = join(folder, 'ngx_http_js_module.so')
  if (existsSync(jsModule)) return { found: { program, jsModule } }
  return { missing: 'nginx has no njs module: apt-get install libnginx-mod-http-js' }
}

/**
 * What was found; else the test is skipped, saying why. Where NJS_REQUIRED is 1, as in CI once the tools have been
 * installed, it fails instead.
 *
 * @param skip the test's own, from its context
 */
export function foundOrSkip<Found>(tool: Tool<Found>, skip: (why: string) => never): Found {
  if ('found' in tool) return tool.found
  if (process.env['NJS_REQUIRED'] === '1') throw new Error(`NJS_REQUIRED is set, but ${tool.missing}`)
  tellOnce(tool.missing)
  return skip(tool.missing)
}

const told = new Set<string>()

/** A whole run's report counts skipped tests, but leaves out why they were. */
function tellOnce(why: string): void {
  if (!told.has(why)) process.stderr.write(`Skipped: ${why}\n`)
  told.add(why)
}

function findProgram(name: string): string | null {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...serverFolders]
  return folders.map((folder) => join(folder, name)).find(isExecutable) ?? null
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
