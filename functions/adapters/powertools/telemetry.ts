/** Telemetry on AWS: JSON lines for CloudWatch Logs, figures as CloudWatch's embedded metric format. */
import { Logger } from "@aws-lambda-powertools/logger";
import { Metrics, MetricUnit } from "@aws-lambda-powertools/metrics";
import type { Facts, Measure, Telemetry } from "../../runtime/cloud/telemetry.ts";

export const METRICS_NAMESPACE = "rlaifv";

const UNITS = {
  Count: MetricUnit.Count,
  Percent: MetricUnit.Percent,
  Seconds: MetricUnit.Seconds,
  None: MetricUnit.NoUnit,
} as const satisfies Record<Measure["unit"], string>;

/** `service`: the function's name, in every line and as every figure's dimension. */
export function powertoolsTelemetry(service: string): Telemetry {
  const logger = new Logger({ serviceName: service });
  const metrics = new Metrics({ namespace: METRICS_NAMESPACE, serviceName: service });
  return {
    info: (message, facts) => logger.info(message, known(facts)),
    warn: (message, facts) => logger.warn(message, known(facts)),
    error: (message, error, facts) =>
      logger.error(message, { ...known(facts), error: error instanceof Error ? error : new Error(String(error)) }),
    measure({ name, unit, value, dimensions }) {
      const single = metrics.singleMetric(); // figures with different dimensions are different lines
      if (dimensions !== undefined) single.addDimensions({ ...dimensions });
      single.addMetric(name, UNITS[unit], value);
    },
    flush: () => metrics.publishStoredMetrics(),
  };
}

const known = (facts: Facts = {}) =>
  Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined)) as Record<
    string,
    string | number | boolean
  >;
