import { z } from 'zod'
import { S3Error } from './errors.ts'

/** Bounds on the size of the uploaded file. */
export interface SizeLimits {
  readonly bytesMin: number
  readonly bytesMax: number
}

const NO_LIMITS: SizeLimits = { bytesMin: 0, bytesMax: 5 * 2 ** 30 }

const PolicyDocument = z.object({
  expiration: z.iso.datetime({ offset: true }),
  conditions: z.array(
    z.union([
      z.tuple([z.literal('content-length-range'), z.coerce.number().int(), z.coerce.number().int()]),
      z.tuple([z.enum(['eq', 'starts-with']), z.string().startsWith('$'), z.string()]),
      z.record(z.string(), z.string()),
    ]),
  ),
})
type PolicyDocument = z.infer<typeof PolicyDocument>

interface FieldCondition {
  readonly operator: 'eq' | 'starts-with'
  readonly field: string
  readonly value: string
}

// These carry the policy itself, so no policy can speak of them.
const EXEMPT_FIELDS = ['policy', 'x-amz-signature', 'file']

/**
 * Checks the fields of a browser form against its policy: every condition must hold, and every field must be
 * covered by a condition.
 *
 * @param encodedPolicy The policy document in Base64, its signature already verified.
 * @param fields The form's fields by lower-case name, and `bucket`.
 * @param now Milliseconds since the epoch.
 * @returns how large the file may be.
 * @throws {S3Error} `AccessDenied` naming the condition that failed, `InvalidPolicyDocument`.
 */
export function checkPostPolicy(
  encodedPolicy: string,
  fields: ReadonlyMap<string, string>,
  now: number,
): SizeLimits {
  const policy = parsePolicy(encodedPolicy)
  if (Date.parse(policy.expiration) < now) throw denied('Policy expired.')
  const conditions = fieldConditions(policy)
  for (const condition of conditions) {
    if (!holds(condition, fields.get(condition.field) ?? '')) {
      const { operator, field, value } = condition
      throw denied(`Policy Condition failed: ${JSON.stringify([operator, `$${field}`, value])}`)
    }
  }
  requireCovered(fields, conditions)
  return sizeLimits(policy)
}

function parsePolicy(encodedPolicy: string): PolicyDocument {
  try {
    return PolicyDocument.parse(JSON.parse(Buffer.from(encodedPolicy, 'base64').toString()))
  } catch {
    throw new S3Error('InvalidPolicyDocument')
  }
}

function fieldConditions({ conditions }: PolicyDocument): FieldCondition[] {
  return conditions.flatMap((condition): FieldCondition[] => {
    if (!Array.isArray(condition)) {
      return Object.entries(condition).map(([name, value]) => ({
        operator: 'eq',
        field: name.toLowerCase(),
        value,
      }))
    }
    const [operator, name, value] = condition
    if (operator === 'content-length-range') return []
    return [{ operator, field: name.slice(1).toLowerCase(), value }]
  })
}

function holds({ operator, value }: FieldCondition, actual: string): boolean {
  return operator === 'eq' ? actual === value : actual.startsWith(value)
}

function requireCovered(fields: ReadonlyMap<string, string>, conditions: readonly FieldCondition[]): void {
  const covered = new Set([...EXEMPT_FIELDS, 'bucket', ...conditions.map(({ field }) => field)])
  const extra = [...fields.keys()].filter((name) => !covered.has(name) && !name.startsWith('x-ignore-'))
  if (extra.length > 0) throw denied(`Extra input fields: ${extra.join(', ')}`)
}

function sizeLimits({ conditions }: PolicyDocument): SizeLimits {
  return conditions.reduce<SizeLimits>((limits, condition) => {
    if (!Array.isArray(condition) || condition[0] !== 'content-length-range') return limits
    const [, bytesMin, bytesMax] = condition
    return {
      bytesMin: Math.max(limits.bytesMin, bytesMin),
      bytesMax: Math.min(limits.bytesMax, bytesMax),
    }
  }, NO_LIMITS)
}

function denied(reason: string): S3Error {
  return new S3Error('AccessDenied', `Invalid according to Policy: ${reason}`)
}
