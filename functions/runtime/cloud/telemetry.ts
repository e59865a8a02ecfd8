/** What a function tells about itself: structured lines, and figures for dashboards and alarms. */
import type { RunEvent } from "../../../shared/schemas/events.ts";

/** Facts beside a message: run, shard, attempt, … */
export type Facts = Readonly<Record<string, string | number | boolean | undefined>>;

export type Measure = {
  name:
    | "SamplesDone"
    | "SamplesParked"
    | "Losses"
    | "BudgetUsedShare"
    | "SpentUsd"
    | "GpuSeconds"
    | "CachedTokenShare"
    | "OpenCalls"
    | "CallsLost"
    | "CallbackRefused"
    | "Pairs";
  unit: "Count" | "Percent" | "Seconds" | "None";
  value: number;
  /** Few values each: a dimension's every value is a metric that is paid for. */
  dimensions?: Readonly<Record<string, string>>;
};

export interface Telemetry {
  info(message: string, facts?: Facts): void;
  warn(message: string, facts?: Facts): void;
  error(message: string, error: unknown, facts?: Facts): void;
  measure(measure: Measure): void;
  /** Gives the figures away; once at the end of every invocation. */
  flush(): void;
}

const PERCENT = 100;
const MICROS_PER_USD = 1_000_000;

/** The figures in what a run tells. Pure. */
export function measuresOf(event: RunEvent): Measure[] {
  if (event.kind === "money") {
    const share = event.budgetMicros === 0 ? 0 : (event.settledMicros + event.reservedMicros) / event.budgetMicros;
    return [
      { name: "BudgetUsedShare", unit: "Percent", value: PERCENT * share },
      { name: "SpentUsd", unit: "None", value: event.settledMicros / MICROS_PER_USD },
    ];
  }
  if (event.kind === "paired") return [{ name: "Pairs", unit: "Count", value: event.pairs }];
  if (event.kind !== "shard") return [];
  const { stage, samples, parked, usage, losses = {}, gpuSeconds } = event;
  const cached = usage?.prompt_tokens_details?.cached_tokens ?? 0;
  const share = usage === undefined || usage.prompt_tokens === 0 ? undefined : cached / usage.prompt_tokens;
  return [
    { name: "SamplesDone", unit: "Count", value: samples, dimensions: { stage } },
    { name: "SamplesParked", unit: "Count", value: parked, dimensions: { stage } },
    ...Object.entries(losses).map(
      ([loss, value]): Measure => ({ name: "Losses", unit: "Count", value, dimensions: { stage, loss } }),
    ),
    ...(gpuSeconds ? [{ name: "GpuSeconds", unit: "Seconds", value: gpuSeconds, dimensions: { stage } } as const] : []),
    ...(share === undefined
      ? []
      : [{ name: "CachedTokenShare", unit: "Percent", value: PERCENT * share, dimensions: { stage } } as const]),
  ];
}
