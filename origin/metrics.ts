import { Counter, Histogram, type Registry } from 'prom-client'

/** What the origin counts; `renders` counts renders that were done, not requests that shared one. */
export interface OriginMetrics {
  requests: Counter<'outcome'>
  renders: Counter<'format'>
  renderSeconds: Histogram<'format' | 'source'>
  storeFailures: Counter
}

const metricsByRegistry = new WeakMap<Registry, OriginMetrics>()

/** The origin's metrics in a registry; the parts of one process share them. */
export function createOriginMetrics(registry: Registry): OriginMetrics {
  const known = metricsByRegistry.get(registry) ?? registerMetrics(registry)
  metricsByRegistry.set(registry, known)
  return known
}

function registerMetrics(registry: Registry): OriginMetrics {
  const registers = [registry]
  return {
    requests: new Counter({
      name: 'tintype_origin_requests_total',
      help: 'Requests to the image origin by what answered them: rendered, collapsed, stored, stand-in, problem code',
      labelNames: ['outcome'],
      registers,
    }),
    renders: new Counter({
      name: 'tintype_renders_total',
      help: 'Variants rendered',
      labelNames: ['format'],
      registers,
    }),
    renderSeconds: new Histogram({
      name: 'tintype_render_duration_seconds',
      help: 'Time from the bytes of the source to the bytes of the variant',
      labelNames: ['format', 'source'],
      buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
      registers,
    }),
    storeFailures: new Counter({
      name: 'tintype_variant_store_failures_total',
      help: 'Variants that were answered but could not be stored',
      registers,
    }),
  }
}
