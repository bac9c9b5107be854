import type { z } from 'zod'
import { type Fault, problem, validationFailed } from './problems.ts'
import { readBody } from './read-bytes.ts'

/** Bytes; the largest valid body is a description of 5,000 characters and 20 tags. */
const jsonBytesMax = 100_000

/**
 * The value if it is what the schema says.
 *
 * @throws {Problem} VALIDATION_FAILED naming every member that is wrong or unknown
 */
export function validate<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const result = schema.safeParse(value)
  if (!result.success) throw validationFailed(result.error.issues.flatMap(faultsOf))
  // What the schema let pass is no deeper than the schema.
  const faults = unstorableTexts(result.data, [])
  if (faults.length > 0) throw validationFailed(faults)
  return result.data
}

/**
 * The JSON body of a request.
 *
 * @throws {Problem} UNSUPPORTED_MEDIA_TYPE if it is declared as something else; VALIDATION_FAILED if it is not JSON
 */
export async function readJson(request: Request): Promise<unknown> {
  if (!/^application\/([\w.-]+\+)?json\s*(;|$)/i.test(request.headers.get('content-type') ?? '')) {
    throw problem('UNSUPPORTED_MEDIA_TYPE', 'The body must be application/json.')
  }
  const bytes = await readBody(request, jsonBytesMax)
  if (bytes === null)
    throw validationFailed([{ path: '', message: `the body exceeds ${jsonBytesMax} bytes` }])
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw validationFailed([{ path: '', message: 'the body is not valid JSON' }], cause)
  }
}

function faultsOf(issue: z.core.$ZodIssue): Fault[] {
  if (issue.code !== 'unrecognized_keys') return [{ path: pathOf(issue.path), message: issue.message }]
  return issue.keys.map((key) => ({ path: pathOf([...issue.path, key]), message: 'is not known here' }))
}

/** PostgreSQL stores neither NUL nor half a character, and what one store takes the other must take too. */
function unstorableTexts(value: unknown, path: PropertyKey[]): Fault[] {
  if (typeof value === 'string') {
    const isStorable = !value.includes('\0') && !/\p{Surrogate}/u.test(value)
    return isStorable ? [] : [{ path: pathOf(path), message: 'has characters that are no text' }]
  }
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, member]) => unstorableTexts(member, [...path, key]))
}

function pathOf(path: readonly PropertyKey[]): string {
  return path.map(String).join('.')
}
