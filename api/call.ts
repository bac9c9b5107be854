import type { User } from './auth.ts'

/** One request on its way through the API. */
export interface Call {
  request: Request
  url: URL
  /** What the path's placeholders stand for. */
  params: Readonly<Record<string, string | undefined>>
  requestId: string
  /** Headers for the answer, whatever it will be. */
  answerHeaders: Headers
  /** Null until the token was checked. */
  user: User | null
}

export type UserCall = Call & { user: User }

export type Handler = (call: Call) => Response | Promise<Response>
export type UserHandler = (call: UserCall) => Promise<Response>
