import { z } from 'zod'
import { canonicalPath } from '../core/image-url.ts'
import { formats } from '../core/ladder.ts'
import { mustSee } from './auth.ts'
import type { UserCall } from './call.ts'
import type { ApiDependencies } from './dependencies.ts'
import { requireImage } from './lookup.ts'
import { notAuthorized, validationFailed } from './problems.ts'
import { validate } from './validate.ts'

const dayMs = 24 * 3600 * 1000
const daysMax = 366

const day = z.iso.date()

/** The query of GET /ledger: two days in UTC, both included; the last 30 days unless given. */
export const LedgerParameters = z.strictObject({ from: day.optional(), to: day.optional() })

const Counts = z.object({
  requests: z.number().describe('Requests that the CDN answered with an image.'),
  hits: z.number().describe('Of these, answered from its caches.'),
  bytes: z.number().describe('Bytes of the answers.'),
  renders: z.number(),
  renderMs: z.number().describe('CPU time of the renders, in milliseconds.'),
})

/** The answer to GET /ledger. */
export const LedgerView = z.object({
  from: day,
  to: day,
  rungs: z.array(
    Counts.extend({
      rung: z.string().describe('Width, with the aspect ratio if there is one; or the name of a preset.'),
      format: z.enum(formats),
    }),
  ),
  askedWidths: z
    .array(z.object({ width: z.int(), requests: z.number() }))
    .describe('Widths in pixels of the screen that were asked for, before they were snapped to rungs.'),
})
export type LedgerView = z.infer<typeof LedgerView>

/** The answer to GET /images/:id/ledger. */
export const ImageLedgerView = z.object({
  variants: z.array(Counts.extend({ path: z.string().describe('Canonical path of the variant.') })),
})
type ImageLedgerView = z.infer<typeof ImageLedgerView>

/** What is asked for, and what it costs. */
export function createLedgerReads(deps: ApiDependencies) {
  const { ledger, now } = deps

  /** GET /ledger: over all images, so for administrators. */
  async function read(call: UserCall): Promise<Response> {
    if (!call.user.isAdmin) throw notAuthorized()
    const { from, to } = daysOf(validate(LedgerParameters, Object.fromEntries(call.url.searchParams)))
    const [rungs, askedWidths] = await Promise.all([ledger.rungs(from, to), ledger.askedWidths(from, to)])
    return Response.json({ from, to, rungs, askedWidths } satisfies LedgerView, uncached)
  }

  /** GET /images/:id/ledger: what was asked for of one image. */
  async function readImage(call: UserCall): Promise<Response> {
    const record = await requireImage(deps, call)
    mustSee(call.user, record)
    const counts = await ledger.ofImage(record.id)
    const variants = counts.map(({ variant, ...rest }) => ({ path: canonicalPath(variant), ...rest }))
    return Response.json({ variants } satisfies ImageLedgerView, uncached)
  }

  function daysOf({ from, to = dayOf(now()) }: z.infer<typeof LedgerParameters>): {
    from: string
    to: string
  } {
    const first = from ?? dayOf(Date.parse(to) - 29 * dayMs)
    const days = (Date.parse(to) - Date.parse(first)) / dayMs + 1
    if (days >= 1 && days <= daysMax) return { from: first, to }
    throw validationFailed([{ path: 'from', message: `must lie 0 to ${daysMax - 1} days before to` }])
  }

  return { read, readImage }
}

const uncached = { headers: { 'cache-control': 'no-store' } }

function dayOf(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10)
}
