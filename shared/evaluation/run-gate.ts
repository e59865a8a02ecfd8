/** A run's gate (`evaluate.gate`): an expression of gate.ts over the figures of one model on one split. */
import { BENCH_FIGURES, FIGURES, type MetricSet } from "../schemas/metrics.ts";
import { checkGate, type GateCheck, parseGate } from "./gate.ts";

const COUNTS = ["samples", "images", "answers", "missing_answers"] as const;

/** What a run's gate may name: the figures of every run, and those of its bench alone. */
const namesOf = (bench: string): string[] => [...FIGURES, ...(bench === "amber" ? BENCH_FIGURES : []), ...COUNTS];

/** What is wrong with the expression, or nothing. */
export function runGateFault(expression: string, bench: string): string | undefined {
  const parsed = parseGate(expression, namesOf(bench));
  return parsed.outcome === "invalid" ? parsed.message : undefined;
}

/** @throws RangeError for an expression that `runGateFault` finds fault with: a config's was read with it */
export function checkRunGate(expression: string, metrics: MetricSet): { passed: boolean; checks: GateCheck[] } {
  const own = BENCH_FIGURES.flatMap((name) => (metrics[name] === undefined ? [] : [[name, metrics[name]] as const]));
  const figures = Object.fromEntries([...FIGURES.map((name) => [name, metrics[name]] as const), ...own]);
  const extra = Object.fromEntries(COUNTS.map((name) => [name, metrics[name]]));
  const checked = checkGate(expression, { figures, extra });
  if (checked.outcome === "invalid") throw new RangeError(checked.message);
  return { passed: checked.outcome === "passed", checks: checked.checks };
}

/** The comparisons as they came out, for one line: `recall > 0.9: 0.8812, does not hold`. */
export function gateText(checks: readonly GateCheck[]): string {
  return checks
    .map(({ text, value, holds }) => {
      const shown = value === null ? "not measured" : String(Number(value.toFixed(4)));
      return `${text}: ${shown}, ${holds ? "holds" : "does not hold"}`;
    })
    .join("; ");
}
