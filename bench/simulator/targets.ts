import type { Measurement } from './simulate.ts'

/** A number that the service shall reach under a workload. */
export interface Target {
  readonly name: string
  readonly bound: 'at least' | 'at most'
  readonly value: number
  readonly valueOf: (measurement: Measurement) => number
  readonly format: (value: number) => string
}

/** A target with what was measured. */
export interface Verdict {
  readonly target: Target
  readonly measured: number
  readonly isReached: boolean
  /** by how much the target was missed; 0 if it was reached */
  readonly missedBy: number
}

const cdnHitRate = {
  name: 'CDN hit rate',
  bound: 'at least',
  valueOf: (m: Measurement) => m.cdnHitRate,
} as const

const targetsOf: Readonly<Record<string, readonly Target[]>> = {
  R1: [
    { ...cdnHitRate, value: 0.97, format: percent },
    { name: 'PoP hit rate', bound: 'at least', value: 0.72, valueOf: (m) => m.popHitRate, format: percent },
    {
      name: 'renders per million',
      bound: 'at most',
      value: 0.03,
      valueOf: (m) => m.renderRate,
      format: perMillion,
    },
    { name: 'extra pixels', bound: 'at most', value: 0.25, valueOf: (m) => m.overfetch, format: percent },
  ],
  R2: [
    { ...cdnHitRate, value: 0.84, format: percent },
    {
      name: 'CDN hit rate, of the bound',
      bound: 'at least',
      value: 0.98,
      valueOf: (m) => m.cdnHitRate / m.infiniteCacheHitRate,
      format: percent,
    },
  ],
}

/** Compares with the targets of a workload; there are none for a workload that is not R1 or R2. */
export function judge(workloadName: string, measurement: Measurement): Verdict[] {
  return (targetsOf[workloadName] ?? []).map((target) => {
    const measured = target.valueOf(measurement)
    const gap = target.bound === 'at least' ? target.value - measured : measured - target.value
    return { target, measured, isReached: gap <= 0, missedBy: Math.max(0, gap) }
  })
}

/** A share as `97.3 %`. */
export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}

/** A share of requests as a number per million of them, `27,000`. */
export function perMillion(share: number): string {
  return Math.round(share * 1e6).toLocaleString('en-US')
}
