import type { Registry } from 'prom-client'

/*
 * A process in Lambda lives too short, and has no address, for somebody to come and read its metrics. They go into the
 * log instead, from which CloudWatch takes what is written in its embedded metric format
 * (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html).
 */

const namespace = 'Tintype'

/** One line of a log, to be written as JSON. */
type EmbeddedMetric = Record<string, unknown>

/**
 * What a registry has counted since the last time, as lines for the log; the registry is back at zero then.
 *
 * A counter is a metric under its own name, a histogram one of its sum and one of its count, each with its labels as
 * dimensions. What was not counted is left out.
 *
 * @param now milliseconds since 1970
 */
export async function takeEmbeddedMetrics(registry: Registry, now: number): Promise<EmbeddedMetric[]> {
  const metrics = await registry.getMetricsAsJSON()
  registry.resetMetrics()
  const lines: EmbeddedMetric[] = []
  for (const metric of metrics) {
    for (const value of metric.values) {
      const name = 'metricName' in value ? String(value.metricName) : metric.name
      // The sum and the count of a histogram are what CloudWatch can add up.
      if (value.value === 0 || name.endsWith('_bucket')) continue
      lines.push(lineOf(name, value, now))
    }
  }
  return lines
}

function lineOf(
  name: string,
  { labels, value }: { labels: Partial<Record<string, string | number>>; value: number },
  now: number,
): EmbeddedMetric {
  const unit = name.endsWith('_seconds_sum') ? 'Seconds' : 'Count'
  return {
    ...labels,
    [name]: value,
    _aws: {
      Timestamp: now,
      CloudWatchMetrics: [
        {
          Namespace: namespace,
          Dimensions: [Object.keys(labels)],
          Metrics: [{ Name: name, Unit: unit }],
        },
      ],
    },
  }
}
