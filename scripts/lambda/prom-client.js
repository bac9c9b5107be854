/*
 * What stands for prom-client in a bundle: the parts that count, which load in a third of the time. Left out are the
 * default metrics, clusters, the push gateway, and OpenTelemetry's API, none of which have a use in Lambda.
 */
export { default as Counter } from 'prom-client/lib/counter.js'
export { default as Histogram } from 'prom-client/lib/histogram.js'
export { default as Registry } from 'prom-client/lib/registry.js'
