import type { Variant } from './image-url.ts'
import type { Format } from './ladder.ts'

/*
 * The ledger counts what is asked for and what it costs: per variant, and per rung, format and day. Popular variants
 * are found in it, and which widths a ladder should have.
 */

/** Sums over requests. Where only a sample is counted, each stands for as many as it was drawn from. */
export interface Counts {
  /** Requests that got an image, wherever it came from. */
  requests: number
  /** Of these, answered by the CDN. */
  hits: number
  /** Bytes of the answers. */
  bytes: number
  renders: number
  /** Time of the renders, on one core each. */
  renderMs: number
}

export type VariantCounts = Counts & { variant: Variant }

export type RungCounts = Counts & {
  /** Width of the rung with its aspect ratio if it has one, or name of the preset: `640`, `640-16:9`, `thumb`. */
  rung: string
  format: Format
}

/** Requests that asked for a width, in pixels of the screen, before it was snapped to a rung. */
export interface AskedWidth {
  width: number
  requests: number
}

/** What is counted at once: all in one day. */
export interface LedgerEntry {
  /** UTC, `2026-11-22`. */
  day: string
  variants: readonly VariantCounts[]
  asked: readonly AskedWidth[]
}

/** Port to the ledger. Counting is atomic per counter, from any number of processes. */
export interface Ledger {
  /**
   * Adds to the counters.
   *
   * @returns how often each variant has been asked for by now, in the order of `entry.variants`
   */
  add(entry: LedgerEntry): Promise<number[]>
  /** Per rung and format, over all images, from one day to another, both included. */
  rungs(firstDay: string, lastDay: string): Promise<RungCounts[]>
  /** Widths asked for from one day to another, both included, in rising order. */
  askedWidths(firstDay: string, lastDay: string): Promise<AskedWidth[]>
  /** Per variant of one image, as long as the ledger remembers. */
  ofImage(id: string): Promise<VariantCounts[]>
}

export const noCounts: Counts = { requests: 0, hits: 0, bytes: 0, renders: 0, renderMs: 0 }

export function addCounts(a: Counts, b: Counts): Counts {
  return {
    requests: a.requests + b.requests,
    hits: a.hits + b.hits,
    bytes: a.bytes + b.bytes,
    renders: a.renders + b.renders,
    renderMs: a.renderMs + b.renderMs,
  }
}

/** The name under which a variant counts per rung. */
export function rungOf({ size }: Variant): string {
  if (size.kind === 'preset') return size.name
  if (size.ratio === '') return String(size.width)
  return `${size.width}-${size.fit === 'cover' ? '' : 'in-'}${size.ratio}`
}
