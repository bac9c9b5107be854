import { z } from 'zod'
import { formats, rungs, snapUp, widthMax } from '../core/ladder.ts'
import { letterOf, type Permit, signatureQuery } from '../core/signature.ts'
import { mustSee } from './auth.ts'
import type { UserCall } from './call.ts'
import type { ApiDependencies } from './dependencies.ts'
import { requireImage } from './lookup.ts'
import { signPermit } from './sign.ts'
import { readJson, validate } from './validate.ts'

const daySeconds = 24 * 3600

/** The body of POST /images/:id/signatures. */
export const SignatureRequest = z.strictObject({
  maxWidth: z.number().int().min(1).max(widthMax).optional().describe('Pixels; snapped up to a rung.'),
  formats: z.array(z.enum(formats)).min(1).optional().describe('All unless given.'),
  expiresInSeconds: z
    .number()
    .int()
    .min(1)
    .max(7 * daySeconds)
    .default(3600),
})

/** The answer to POST /images/:id/signatures. */
export const IssuedSignature = z.object({
  path: z.string().describe('Path of the image; the query takes w, ar, f and so on, then `query`.'),
  query: z.string().describe('The parameters to append, `e=…&s=…`.'),
  maxWidth: z.number(),
  formats: z.array(z.enum(formats)),
  expiresAt: z.string(),
})
type IssuedSignature = z.infer<typeof IssuedSignature>

/** Leave to see a private image without a token. */
export function createSignatures(deps: ApiDependencies) {
  const { signingKey, now } = deps

  /** POST /images/:id/signatures: one signature is good for every rung up to its width, so for a whole srcset. */
  async function issue(call: UserCall): Promise<Response> {
    const asked = validate(SignatureRequest, await readJson(call.request))
    const record = await requireImage(deps, call)
    mustSee(call.user, record)

    const allowed = formats.filter((format) => asked.formats?.includes(format) ?? true)
    const permit: Permit = {
      id: record.id,
      expiresAt: Math.floor(now() / 1000) + asked.expiresInSeconds,
      widthMax: snapUp(asked.maxWidth ?? rungs[rungs.length - 1]!),
      formats: allowed.map(letterOf).join(''),
    }
    const issued: IssuedSignature = {
      path: `/p/${record.id}`,
      query: signatureQuery(signPermit(permit, signingKey)),
      maxWidth: permit.widthMax,
      formats: allowed,
      expiresAt: new Date(permit.expiresAt * 1000).toISOString(),
    }
    return Response.json(issued, { status: 201, headers: { 'cache-control': 'no-store' } })
  }

  return { issue }
}
