import { readFileSync } from 'node:fs'

const checkPauseMs = 250

/**
 * Calls back when the program that started this process has died. npm starts a shell that starts us, so where the
 * system tells (Linux), the parent's parent counts as well.
 */
export function whenOrphaned(callback: () => void): void {
  const before = ancestry()
  const timer = setInterval(() => {
    if (ancestry() === before) return
    clearInterval(timer)
    callback()
  }, checkPauseMs)
  timer.unref()
}

function ancestry(): string {
  return `${process.ppid} ${parentOf(process.ppid)}`
}

/** The parent of a process, '' where there is no /proc or no such process. */
function parentOf(pid: number): string {
  try {
    return /^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? ''
  } catch {
    return ''
  }
}
