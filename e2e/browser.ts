import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { type Browser, chromium } from 'playwright-core'

/** A browser on this machine, and what its process needs in the environment. */
interface Candidate {
  name: string
  find: () => Promise<{ executablePath: string; environment?: Record<string, string> }>
}

/** Where systems install a Chromium or Chrome. */
const installed = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]
const repository = fileURLToPath(new URL('..', import.meta.url))

/**
 * Starts a real browser: the one that CHROME_PATH names, else Debian's, else the one that came through npm. Never
 * skips: without a browser nothing is known about the page.
 *
 * @throws an error that says for each browser why it did not start
 */
export async function launchBrowser(): Promise<Browser> {
  const failures: string[] = []
  for (const { name, find } of candidates()) {
    try {
      const { executablePath, environment } = await find()
      return await chromium.launch({
        executablePath,
        // Root has no sandbox, and containers run as root. Nothing else: a browser with its security switched off
        // would load what a visitor's browser refuses.
        args: ['--no-sandbox'],
        env: { ...(process.env as Record<string, string>), ...environment },
      })
    } catch (error) {
      failures.push(`  ${name}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  throw new Error(
    `No browser could be started; install Chromium or Chrome, or set CHROME_PATH.\n${failures.join('\n')}`,
  )
}

function candidates(): Candidate[] {
  const named = process.env.CHROME_PATH
  // Whoever names a browser wants that one tested, and no other in its place.
  if (named !== undefined) return [{ name: named, find: async () => ({ executablePath: named }) }]
  const found = installed
    .filter((path) => existsSync(path))
    .map((path) => ({ name: path, find: async () => ({ executablePath: path }) }))
  return [...found, { name: '@sparticuz/chromium (Linux on x64 only)', find: unpackFromNpm }]
}

/**
 * Unpacks the browser of the npm package, once for each version, together with the shared libraries (NSS, NSPR,
 * expat) and the font that a bare machine lacks.
 */
async function unpackFromNpm(): Promise<{ executablePath: string; environment: Record<string, string> }> {
  const entry = createRequire(import.meta.url).resolve('@sparticuz/chromium')
  const cache = join(repository, 'node_modules/.cache/tintype')
  const folder = join(cache, `chromium-${await versionOf(entry)}`)
  if (!existsSync(folder)) {
    await mkdir(cache, { recursive: true })
    const unfinished = await mkdtemp(join(cache, 'unpacking-'))
    try {
      await unpack(entry, unfinished)
      await writeFile(join(unfinished, 'fonts.conf'), fontList(folder))
      // Test files run side by side: whole or not at all, and the first one wins.
      await rename(unfinished, folder).catch((error: unknown) => {
        if (!existsSync(folder)) throw error
      })
    } finally {
      await rm(unfinished, { recursive: true, force: true })
    }
  }
  return {
    executablePath: join(folder, 'chromium'),
    environment: {
      LD_LIBRARY_PATH: join(folder, 'al2023/lib'),
      FONTCONFIG_FILE: join(folder, 'fonts.conf'),
    },
  }
}

/** In a process of its own: the package unpacks into TMPDIR, and its libraries only where it sees AWS Lambda. */
async function unpack(entry: string, folder: string): Promise<void> {
  const code = `(await import(${JSON.stringify(pathToFileURL(entry).href)})).default.executablePath()`
  await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', `await ${code}`], {
    env: { ...process.env, TMPDIR: folder, AWS_LAMBDA_JS_RUNTIME: 'nodejs22.x' },
  })
}

/** The package's own list names folders of AWS Lambda. One font everywhere makes screenshots comparable. */
function fontList(folder: string): string {
  const dirs = `<dir>${folder}/fonts</dir><cachedir>${folder}/font-cache</cachedir>`
  return `<?xml version="1.0"?><fontconfig>${dirs}</fontconfig>`
}

async function versionOf(entry: string): Promise<string> {
  const root = entry.slice(0, entry.lastIndexOf(`${join('@sparticuz', 'chromium')}`))
  const text = await readFile(join(root, '@sparticuz/chromium/package.json'), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
