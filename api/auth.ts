import { errors, jwtVerify } from 'jose'
import type { ImageRecord } from '../core/image.ts'
import type { Problem } from '../core/problem.ts'
import type { ApiDependencies } from './dependencies.ts'
import { notAuthorized, problem } from './problems.ts'

/** Who is calling. */
export interface User {
  id: string
  /** Scope `images:admin`: sees and changes the images of all users. */
  isAdmin: boolean
  /** Scope `images:service`: writes for any user. */
  isService: boolean
}

/** The issuer is slow, answers with an error, or with something that is no key set: it says nothing of the token. */
const keySetErrors = new Set<string>(['ERR_JWKS_TIMEOUT', 'ERR_JOSE_GENERIC', 'ERR_JWKS_INVALID'])

/** Seconds by which the clock of the issuer may differ from ours. */
const clockToleranceSeconds = 5

/**
 * The user behind the bearer token of a request.
 *
 * @throws {Problem} UNAUTHENTICATED if it is missing, expired or invalid; UNAVAILABLE if the keys can't be had
 */
export async function authenticate(
  request: Request,
  { tokenKeys, issuer, audience, now }: Pick<ApiDependencies, 'tokenKeys' | 'issuer' | 'audience' | 'now'>,
): Promise<User> {
  const token = /^Bearer +([^\s]+)$/i.exec(request.headers.get('authorization') ?? '')?.[1]
  if (token === undefined) throw unauthenticated('missing')
  try {
    const { payload } = await jwtVerify(token, tokenKeys, {
      issuer,
      audience,
      algorithms: ['RS256', 'ES256'],
      requiredClaims: ['exp', 'sub'],
      clockTolerance: clockToleranceSeconds,
      currentDate: new Date(now()),
    })
    if (typeof payload.sub !== 'string' || payload.sub === '') throw unauthenticated('invalid')
    const scopes = typeof payload.scope === 'string' ? payload.scope.split(' ') : []
    return {
      id: payload.sub,
      isAdmin: scopes.includes('images:admin'),
      isService: scopes.includes('images:service'),
    }
  } catch (error) {
    throw refusalFor(error)
  }
}

/** @throws {Problem} NOT_AUTHORIZED */
export function mustSee(user: User, record: ImageRecord): void {
  if (record.userId !== user.id && !user.isAdmin) throw notAuthorized()
}

/** @throws {Problem} NOT_AUTHORIZED */
export function mustChange(user: User, record: ImageRecord): void {
  if (!mayWriteFor(user, record.userId)) throw notAuthorized()
}

/**
 * For whom a new image is: the caller, or whom a service names.
 *
 * @throws {Problem} NOT_AUTHORIZED
 */
export function ownerOfNew(user: User, named: string | undefined): string {
  const owner = named ?? user.id
  if (!mayWriteFor(user, owner)) throw notAuthorized()
  return owner
}

function mayWriteFor(user: User, owner: string): boolean {
  return owner === user.id || user.isAdmin || user.isService
}

function refusalFor(error: unknown): unknown {
  if (error instanceof errors.JWTExpired) return unauthenticated('expired', error)
  if (error instanceof errors.JOSEError && keySetErrors.has(error.code)) return keysUnavailable(error)
  if (error instanceof errors.JOSEError) return unauthenticated('invalid', error)
  // jose throws a TypeError for a token that is none; and so does fetch where the issuer can't be reached.
  if (error instanceof TypeError && error.message === 'fetch failed') return keysUnavailable(error)
  if (error instanceof TypeError) return unauthenticated('invalid', error)
  return error
}

/** Says no more than this: a forger learns nothing from it. */
function unauthenticated(reason: 'missing' | 'expired' | 'invalid', cause?: unknown): Problem {
  const challenge =
    reason === 'missing' ? 'Bearer' : `Bearer error="invalid_token", error_description="${reason}"`
  return problem('UNAUTHENTICATED', `The bearer token is ${reason}.`, {
    cause,
    headers: { 'www-authenticate': challenge },
  })
}

function keysUnavailable(cause: unknown): Problem {
  return problem('UNAVAILABLE', 'Tokens cannot be checked at the moment.', {
    cause,
    headers: { 'retry-after': '5' },
  })
}
