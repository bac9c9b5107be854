import { Counter, Histogram, type Registry } from 'prom-client'

/*
 * Several parts of the process may be given the same registry, and a name can be registered once only: whoever comes
 * first registers.
 */

/** Seconds from the request to its answer. */
export function requestHistogram(registry: Registry): Histogram<'method' | 'route' | 'status'> {
  const name = 'tintype_api_request_duration_seconds'
  return (
    (registry.getSingleMetric<'method' | 'route' | 'status'>(name) as Histogram<
      'method' | 'route' | 'status'
    >) ??
    new Histogram({
      name,
      help: 'Time to answer a request of the metadata API',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.08, 0.1, 0.25, 0.5, 1, 2.5, 5],
      registers: [registry],
    })
  )
}

/** Uploads by how they ended: `stored`, or the code of the refusal. */
export function uploadCounter(registry: Registry): Counter<'outcome'> {
  return counter(registry, 'tintype_uploads_total', 'Uploads, by how they ended')
}

/** Images that were put in order: `tidied`, `waiting` or `failed`. */
export function tidyCounter(registry: Registry): Counter<'outcome'> {
  return counter(registry, 'tintype_tidied_images_total', 'Images put in order after a change, by outcome')
}

function counter(registry: Registry, name: string, help: string): Counter<'outcome'> {
  const known = registry.getSingleMetric(name) as Counter<'outcome'> | undefined
  return known ?? new Counter({ name, help, labelNames: ['outcome'], registers: [registry] })
}
