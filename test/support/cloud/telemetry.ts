import type { Facts, Measure, Telemetry } from "../../../functions/runtime/cloud/telemetry.ts";

export type Kept = Telemetry & {
  lines: { level: string; message: string; facts: Facts; error?: unknown }[];
  measures: Measure[];
};

/** Telemetry that a test can read. */
export function keptTelemetry(): Kept {
  const lines: Kept["lines"] = [];
  const measures: Measure[] = [];
  return {
    lines,
    measures,
    info: (message, facts = {}) => void lines.push({ level: "info", message, facts }),
    warn: (message, facts = {}) => void lines.push({ level: "warn", message, facts }),
    error: (message, error, facts = {}) => void lines.push({ level: "error", message, facts, error }),
    measure: (measure) => void measures.push(measure),
    flush: () => {},
  };
}
