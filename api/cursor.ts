import { createHmac, timingSafeEqual } from 'node:crypto'
import type { ListQuery, PagePosition } from '../core/metadata-store.ts'
import { problem } from './problems.ts'

/** What a cursor belongs to: it goes on with this list of this caller, and with no other. */
export interface CursorScope {
  callerId: string
  query: Pick<ListQuery, 'by' | 'order' | 'filter'>
}

/** The position where a page ended, as a text that can't be altered or used with another list. */
export function sealCursor(position: PagePosition, scope: CursorScope, secret: string): string {
  const payload = Buffer.from(JSON.stringify([position.uploadedAt, position.id])).toString('base64url')
  return `${payload}.${sign(payload, scope, secret).toString('base64url')}`
}

/** @throws {Problem} INVALID_CURSOR if it was not sealed for this list */
export function openCursor(cursor: string, scope: CursorScope, secret: string): PagePosition {
  const [payload = '', signature = ''] = cursor.split('.')
  const given = Buffer.from(signature, 'base64url')
  const expected = sign(payload, scope, secret)
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    throw problem('INVALID_CURSOR', 'The cursor does not belong to this list. Start again without it.')
  }
  // Signed, so it is what sealCursor wrote.
  const [uploadedAt, id] = JSON.parse(Buffer.from(payload, 'base64url').toString()) as [string, string]
  return { uploadedAt, id }
}

function sign(payload: string, { callerId, query }: CursorScope, secret: string): Buffer {
  const filter = query.filter ?? {}
  const identity = [callerId, query.by, query.order, filter.tag, filter.userId, filter.visibility]
  return createHmac('sha256', secret)
    .update(JSON.stringify([payload, identity]))
    .digest()
}
