/** A run's plan as text. Pure. */
import pc from "picocolors";
import { PRICES_AS_OF } from "../../shared/budget/prices.ts";
import type { RunConfig } from "../../shared/schemas/config.ts";
import type { RunPlan } from "../../shared/schemas/plan.ts";

export function planText(plan: RunPlan, config: RunConfig): string {
  const { samples } = plan;
  return [
    `${pc.bold("run")}       ${plan.runId}, ${plural(plan.rounds, "round")}${plan.trains ? " with DPO training" : ", dataset only"}`,
    `${pc.bold("samples")}   ${samples.data} to learn from, ${samples.selection} to choose checkpoints, ${samples.evaluation} to report`,
    ...plan.models.map(
      ({ role, model, engine, revision }) =>
        `${role.padEnd(9)} ${model} at ${engine}${revision === "" ? "" : ` (${revision.slice(0, 12)})`}`,
    ),
    ...plan.estimate.stages.map(
      ({ stage, requests, usdMicros }) =>
        `${stage.padEnd(9)} about ${requests.toLocaleString("en")} requests, $${dollars(usdMicros)}`,
    ),
    `${pc.bold("money")}     about $${dollars(plan.estimate.usdMicros)} to servers and GPUs (compute prices of ${PRICES_AS_OF}); never more than the budget of $${config.budgetUsd.toFixed(2)}`,
    ...gpuLines(plan),
    ...badRowLines(plan),
    ...plan.warnings.map((warning) => `${pc.yellow("warning:")} ${warning}`),
  ].join("\n");
}

function badRowLines({ badRows: { count, first } }: RunPlan): string[] {
  if (count === 0) return [];
  const lines = first.map((row) => `  line ${row.line}, ${row.field} = ${row.value}: ${row.reason}. ${row.fix}`);
  const more = count > first.length ? [`  and ${count - first.length} more`] : [];
  return [pc.yellow(`${plural(count, "bad row")} left out:`), ...lines, ...more];
}

/** Of rented GPUs; nothing where none is. */
function gpuLines({ estimate: { gpu } }: RunPlan): string[] {
  if (gpu === undefined) return [];
  const hours = (seconds: number) => `${(seconds / 3600).toFixed(1)} h`;
  const training = gpu.trainSeconds === 0 ? "" : ` and ${hours(gpu.trainSeconds)} of the trainer`;
  return [
    `${pc.bold("GPUs")}      about ${hours(gpu.containerSeconds)} of containers${training}; ${hours(gpu.wallSeconds)} from start to end, without evaluation and queues`,
  ];
}

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;
const dollars = (micros: number): string => (micros / 1e6).toFixed(micros < 1e6 ? 4 : 2);
