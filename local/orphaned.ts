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
  const parent = process.ppid
  // Some shells hand their place to the one command they run: then npm itself is the parent, and what started npm
  // may end without it.
  return isShell(parent) ? `${parent} ${parentOf(parent)}` : String(parent)
}

function isShell(pid: number): boolean {
  return /^Name:\s*(sh|dash|bash|ash|zsh)$/m.test(statusOf(pid))
}

function parentOf(pid: number): string {
  return /^PPid:\s*(\d+)$/m.exec(statusOf(pid))?.[1] ?? ''
}

/** '' where there is no /proc or no such process. */
function statusOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8')
  } catch {
    return ''
  }
}
