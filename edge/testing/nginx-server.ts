import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { writeNjsModules } from './njs-modules.ts'
import type { Nginx } from './njs-tools.ts'

export interface NginxServer {
  /** path of the socket that it listens on */
  readonly socket: string
  stop(): Promise<void>
}

const pollMs = 20
const startSecondsMax = 10

/**
 * Starts nginx with the artefact in its njs; see `njs/nginx-adapter.js` for its answers. It listens on a socket in a
 * folder of its own: no port has to be found free, and nobody outside can reach it.
 *
 * @param code the artefact's text
 * @param keys what is in the KeyValueStore
 * @throws {Error} with nginx's own log, if it does not start
 */
export async function startNginx(
  { program, jsModule }: Nginx,
  code: string,
  keys: Readonly<Record<string, string>>,
): Promise<NginxServer> {
  const { folder, remove } = await writeNjsModules(code, keys, 'by a timer')
  await writeFile(join(folder, 'main.js'), main)
  await writeFile(join(folder, 'nginx.conf'), configuration(folder, jsModule))
  const nginx = spawn(
    'sh',
    ['-c', nginxThatDiesWithUs, 'sh', program, '-p', folder, '-e', 'error.log', '-c', 'nginx.conf'],
    { stdio: ['pipe', 'ignore', 'ignore'] },
  )
  const stop = async (): Promise<void> => {
    await end(nginx)
    await remove()
  }
  const socket = join(folder, 'nginx.sock')
  try {
    // Written once it listens.
    await untilThere(join(folder, 'nginx.pid'), nginx)
  } catch (error) {
    const log = await readFile(join(folder, 'error.log'), 'utf8').catch(() => 'it wrote no log')
    await stop()
    throw new Error(`nginx did not start: ${log}`, { cause: error })
  }
  return { socket, stop }
}

const main = `import handler from 'viewer-request.js'
import createAdapter from 'nginx-adapter.js'
export default createAdapter(handler)`

/**
 * One process, so that the end of it is the end of all. It passes on what CloudFront would: headers with any name, and
 * request lines longer than the function takes.
 */
function configuration(folder: string, jsModule: string): string {
  return `load_module ${jsModule};
daemon off; master_process off; pid nginx.pid; error_log error.log;
events { worker_connections 64; }
http {
  access_log off; client_body_temp_path body; proxy_temp_path proxy;
  fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  ignore_invalid_headers off; underscores_in_headers on; large_client_header_buffers 4 32k;
  js_path ${folder}; js_import main.js; js_var $edge_result;
  server {
    listen unix:${folder}/nginx.sock;
    location / { js_content main.answer; }
  }
}`
}

/** Ends nginx when its input is closed, which the system does when this process dies, however it dies. */
const nginxThatDiesWithUs = `exec 3<&0
"$@" 3<&- & server=$!
(cat <&3 >/dev/null; kill "$server" 2>/dev/null) & reader=$!
exec 3<&-
wait "$server"
kill "$reader" 2>/dev/null`

async function end(nginx: ChildProcess): Promise<void> {
  if (nginx.exitCode !== null || nginx.signalCode !== null) return
  const exited = once(nginx, 'exit')
  nginx.stdin?.end()
  await exited
}

async function untilThere(file: string, nginx: ChildProcess): Promise<void> {
  const deadline = Date.now() + startSecondsMax * 1000
  while (!existsSync(file)) {
    if (nginx.exitCode !== null) throw new Error(`nginx ended with ${nginx.exitCode}`)
    if (Date.now() > deadline) throw new Error(`nginx took more than ${startSecondsMax} s`)
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
}
