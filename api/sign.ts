import { createHmac } from 'node:crypto'
import { type KeyName, type Permit, permitText, type SignedPermit } from '../core/signature.ts'

/** One of the two keys that the edge function knows. */
export interface SigningKey {
  name: KeyName
  /** At least 32 random bytes, as text. */
  secret: string
}

/** Proves a permit to the edge function. */
export function signPermit(permit: Permit, { name, secret }: SigningKey): SignedPermit {
  const mac = createHmac('sha256', secret).update(permitText(permit)).digest('base64url')
  return { permit, keyName: name, mac }
}
