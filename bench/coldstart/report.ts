/** What a measured process tells of itself at its end. */
export interface Report {
  /** User and system time in milliseconds. */
  cpuMs: number
  /** Largest resident memory in kilobytes. */
  rss: number
}

/** Ends a measured process. */
export function report(): never {
  const { user, system } = process.cpuUsage()
  const told: Report = { cpuMs: (user + system) / 1000, rss: process.resourceUsage().maxRSS }
  process.stdout.write(JSON.stringify(told))
  process.exit()
}
