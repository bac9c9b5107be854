import { SingleBar } from 'cli-progress'

export interface Progress {
  step(): void
  stop(): void
}

/** On anything but a terminal a line appears this often. */
const lineMilliseconds = 5000

/** Shows on standard error how far a warm-up is and how long it will go on: a bar on a terminal, lines elsewhere. */
export function showProgress(
  total: number,
  { done, stream = process.stderr }: { done: number; stream?: NodeJS.WriteStream },
): Progress {
  const bar = new SingleBar({
    stream,
    format: `${stream.isTTY ? '{bar} ' : ''}{value}/{total}{eta_formatted}`,
    formatTime: timeLeft,
    noTTYOutput: true,
    notTTYSchedule: lineMilliseconds,
    etaBuffer: 100,
    // Ctrl-C is for the command to handle.
    gracefulExit: false,
  })
  bar.start(total, done)
  return { step: () => bar.increment(), stop: () => bar.stop() }
}

/** Nothing before the first answer, when nothing is known, and at the end. */
function timeLeft(seconds: number): string {
  if (!(seconds > 0)) return ''
  const [minutes, hours] = [Math.floor(seconds / 60), Math.floor(seconds / 3600)]
  if (hours > 0) return ` · ${hours} h ${minutes % 60} min left`
  return minutes > 0
    ? ` · ${minutes} min ${Math.floor(seconds % 60)} s left`
    : ` · ${Math.ceil(seconds)} s left`
}
