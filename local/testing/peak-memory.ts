import { readFile } from 'node:fs/promises'

/** The most memory that a process has held so far (resident set), in bytes. Linux alone tells it. */
export async function peakMemoryBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]
  if (kibibytes === undefined) throw new Error(`no VmHWM in the status of process ${pid}`)
  return Number(kibibytes) * 1024
}
