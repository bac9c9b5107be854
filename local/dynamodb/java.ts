import { execFile } from 'node:child_process'

/** The least Java release that runs DynamoDB Local 3. */
export const javaReleaseMin = 17

/** The release of the `java` on the PATH, such as 17; null where there is none. */
export function javaRelease(): Promise<number | null> {
  return new Promise((resolve) => {
    execFile('java', ['-version'], { timeout: 10_000 }, (error, stdout, stderr) => {
      resolve(error === null ? parseJavaRelease(stderr + stdout) : null)
    })
  })
}

/** Reads what `java -version` prints: `"17.0.15"` is 17, `"24-ea"` is 24, and `"1.8.0_402"` is 8. */
export function parseJavaRelease(text: string): number | null {
  const match = /version "(?:1\.)?(\d+)/.exec(text)
  return match === null ? null : Number(match[1])
}
