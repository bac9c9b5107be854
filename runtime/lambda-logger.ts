import { inspect } from 'node:util'
import pino, { type Logger } from 'pino'

/**
 * The log of a function: one JSON object a line, to standard output unless told otherwise. Lambda's own lines tell
 * processes apart, so these don't.
 *
 * It writes the same with pino as it is and with the build of pino for browsers, which bundles have: that loads in
 * less than a millisecond, without streams and worker threads.
 */
export function createLambdaLogger(level: string, write: (line: string) => void = toStandardOutput): Logger {
  const options = {
    level,
    base: null,
    serializers: { err: told },
    browser: { serialize: true, write: (line: object) => write(`${JSON.stringify(line)}\n`) },
  }
  return pino(options, { write })
}

function toStandardOutput(line: string): void {
  process.stdout.write(line)
}

/** An error with its causes and what else it carries, as text that people read. */
function told(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  return { type: error.name, message: error.message, stack: inspect(error) }
}
