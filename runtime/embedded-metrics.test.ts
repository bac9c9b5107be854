import { Counter, Histogram, Registry } from 'prom-client'
import { expect, it } from 'vitest'
import { takeEmbeddedMetrics } from './embedded-metrics.ts'

const now = Date.parse('2026-11-22T12:00:00Z')

function newMetrics() {
  const registry = new Registry()
  const registers = [registry]
  const requests = new Counter({ name: 'requests_total', help: 'h', labelNames: ['outcome'], registers })
  const failures = new Counter({ name: 'failures_total', help: 'h', registers })
  const seconds = new Histogram({ name: 'render_seconds', help: 'h', labelNames: ['format'], registers })
  return { registry, requests, failures, seconds }
}

const directive = (name: string, unit: string, dimensions: string[]) => ({
  Timestamp: now,
  CloudWatchMetrics: [
    { Namespace: 'Tintype', Dimensions: [dimensions], Metrics: [{ Name: name, Unit: unit }] },
  ],
})

it('gives what was counted, with labels as dimensions', async () => {
  const { registry, requests, failures, seconds } = newMetrics()
  requests.inc({ outcome: 'rendered' }, 2)
  requests.inc({ outcome: 'stored' })
  failures.inc()
  seconds.observe({ format: 'avif' }, 0.25)
  seconds.observe({ format: 'avif' }, 0.5)
  expect(await takeEmbeddedMetrics(registry, now)).toEqual([
    { outcome: 'rendered', requests_total: 2, _aws: directive('requests_total', 'Count', ['outcome']) },
    { outcome: 'stored', requests_total: 1, _aws: directive('requests_total', 'Count', ['outcome']) },
    { failures_total: 1, _aws: directive('failures_total', 'Count', []) },
    {
      format: 'avif',
      render_seconds_sum: 0.75,
      _aws: directive('render_seconds_sum', 'Seconds', ['format']),
    },
    { format: 'avif', render_seconds_count: 2, _aws: directive('render_seconds_count', 'Count', ['format']) },
  ])
})

it('gives nothing twice, and nothing where nothing was counted', async () => {
  const { registry, requests, failures, seconds } = newMetrics()
  requests.inc({ outcome: 'rendered' })
  failures.inc()
  seconds.observe({ format: 'avif' }, 0.25)
  await takeEmbeddedMetrics(registry, now)
  expect(await takeEmbeddedMetrics(registry, now)).toEqual([])
  failures.inc()
  expect(await takeEmbeddedMetrics(registry, now)).toMatchObject([{ failures_total: 1 }])
})
