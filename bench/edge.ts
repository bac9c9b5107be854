import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import Table from 'cli-table3'
import { Command } from 'commander'
import type { ImageView } from '../api/image-view.ts'
import { photographs } from '../local/photographs.ts'
import { startSystemProcess } from '../local/testing/system-process.ts'
import { median } from './cpu-time.ts'

const run = promisify(execFile)

const { rounds, seconds, connections } = new Command('npm run bench:edge --')
  .description('Warm hits a second: the embedded edge beside nginx proxy_cache with one worker, in turns.')
  .option('--rounds <number>', 'turns of each', Number, 3)
  .option('--seconds <number>', 'length of a turn', Number, 5)
  .option('--connections <number>', 'connections kept open', Number, 32)
  .parse()
  .opts<{ rounds: number; seconds: number; connections: number }>()

const nginxPort = 18_080
const accept = 'image/avif,image/webp,*/*'

for (const tool of ['nginx', 'wrk']) await requireTool(tool)
const dir = await mkdtemp(join(tmpdir(), 'tintype-bench-edge-'))
const system = await startSystemProcess({ dataDir: join(dir, 'data') })
let nginx: ChildProcess | undefined
try {
  nginx = await startNginx()
  await measure(nginx)
} finally {
  nginx?.kill('SIGTERM')
  await system.end('SIGTERM')
  await rm(dir, { recursive: true })
}

async function requireTool(tool: string): Promise<void> {
  await run('which', [tool]).catch(() => {
    throw new Error(`${tool} is needed and was not found: apt-get install nginx-light wrk`)
  })
}

interface Turn {
  perSecond: number
  p99Ms: number
}

async function measure(server: ChildProcess): Promise<void> {
  const { id, rev } = await uploadOne()
  const path = `/i/${id}?r=${rev}&w=640`
  const contenders = [
    {
      name: 'nginx proxy_cache',
      url: `http://127.0.0.1:${nginxPort}${path}`,
      pid: () => workerOf(server.pid!),
      turns: [] as Turn[],
    },
    {
      name: 'embedded edge',
      url: `${system.url}${path}`,
      pid: async () => system.child.pid!,
      turns: [] as Turn[],
    },
  ]
  const bytes = await warm(contenders.map(({ url }) => url))
  for (let round = 0; round < rounds; round++) {
    for (const contender of contenders) contender.turns.push(await load(contender.url))
  }

  const reference = median(contenders[0]!.turns.map(({ perSecond }) => perSecond))
  const table = new Table({
    head: ['server', 'hits/s', 'of nginx', 'p99 ms', 'RSS MB'],
    style: { head: [], border: [], compact: true },
  })
  for (const { name, turns, pid } of contenders) {
    const perSecond = median(turns.map((turn) => turn.perSecond))
    const p99 = median(turns.map((turn) => turn.p99Ms))
    table.push([
      name,
      perSecond.toFixed(0),
      `${(perSecond / reference).toFixed(2)} x`,
      p99.toFixed(2),
      residentMegabytes(await pid()),
    ])
  }
  console.log(
    `One AVIF of ${bytes} bytes, ${connections} connections, ${rounds} turns of ${seconds} s each, medians`,
  )
  console.log(table.toString())
  console.log('goal: the embedded edge >= 0.9 x nginx')
}

async function uploadOne(): Promise<ImageView> {
  const response = await fetch(`${system.url}/dev/token`, { method: 'POST', body: '{"sub":"bench"}' })
  const { token } = (await response.json()) as { token: string }
  const body = new FormData()
  body.append('file', new Blob([await readFile(photographs[0]!.path)]), 'photo.jpg')
  const headers = { authorization: `Bearer ${token}` }
  return (await (await fetch(`${system.url}/images`, { method: 'POST', headers, body })).json()) as ImageView
}

async function warm(urls: readonly string[]): Promise<number> {
  let bytes = 0
  for (const url of [...urls, ...urls]) {
    const response = await fetch(url, { headers: { accept } })
    if (!response.ok) throw new Error(`${url} answered ${response.status}`)
    bytes = (await response.arrayBuffer()).byteLength
  }
  return bytes
}

async function load(url: string): Promise<Turn> {
  const { stdout } = await run('wrk', [
    '-t1',
    `-c${connections}`,
    `-d${seconds}s`,
    '--latency',
    '-H',
    `Accept: ${accept}`,
    url,
  ])
  const perSecond = Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1])
  const [, p99 = '', unit = ''] = /99%\s+([\d.]+)(us|ms|s)/.exec(stdout) ?? []
  if (/Non-2xx/.test(stdout) || Number.isNaN(perSecond)) throw new Error(`wrk: ${stdout}`)
  return { perSecond, p99Ms: Number(p99) * { us: 0.001, ms: 1, s: 1000 }[unit as 'us' | 'ms' | 's'] }
}

async function startNginx() {
  const config = join(dir, 'nginx.conf')
  await writeFile(
    config,
    `daemon off; worker_processes 1; pid ${dir}/nginx.pid; error_log ${dir}/error.log;
user root;
events { worker_connections 1024; }
http {
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000;
  client_body_temp_path ${dir}/body; proxy_temp_path ${dir}/proxy; fastcgi_temp_path ${dir}/f; uwsgi_temp_path ${dir}/u; scgi_temp_path ${dir}/s;
  proxy_cache_path ${dir}/cache keys_zone=images:10m;
  server {
    listen 127.0.0.1:${nginxPort};
    location / { proxy_pass ${system.url.replace('localhost', '127.0.0.1')}; proxy_cache images; proxy_cache_key $request_uri; proxy_cache_valid 200 1h; proxy_ignore_headers Vary; add_header X-Cache $upstream_cache_status; }
  }
}`,
  )
  const child = spawn('nginx', ['-c', config, '-p', dir], { stdio: 'ignore' })
  for (let attempt = 0; attempt < 50; attempt++) {
    const up = await fetch(`http://127.0.0.1:${nginxPort}/health`).then(
      () => true,
      () => false,
    )
    if (child.exitCode !== null) break
    if (up) return child
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error(`nginx did not start: ${await readFile(join(dir, 'error.log'), 'utf8')}`)
}

async function workerOf(master: number): Promise<number> {
  const { stdout } = await run('pgrep', ['-P', String(master), '-f', 'worker process'])
  return Number(stdout.trim())
}

function residentMegabytes(pid: number): string {
  const kilobytes = Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
  return (kilobytes / 1024).toFixed(0)
}
