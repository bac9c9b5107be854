import { CommandError } from './api-client.ts'

/** What a command that was called wrongly ends with. */
export const exitCodeUsage = 2

/** Runs a command: what went wrong is told on standard error, and the exit code is 1, or what the error asks for. */
export async function run(command: () => Promise<void>): Promise<void> {
  try {
    await command()
  } catch (error) {
    // Anything else is a fault of ours: its stack helps to find it.
    console.error(error instanceof CommandError ? error.message : error)
    process.exitCode = error instanceof CommandError ? error.exitCode : 1
  }
}
