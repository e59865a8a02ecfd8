/** What can be done to a run in each of its states, and why not where it cannot. */

import type { RunState } from "../../../shared/schemas/rows.ts";
import type { RunDetail, RunView } from "../../api/contract/runs.ts";

export type ActionName = "pause" | "resume" | "cancel" | "budget" | "retry-parked";
export type Possible = { possible: true } | { possible: false; why: string };

const YES: Possible = { possible: true };
const no = (why: string): Possible => ({ possible: false, why });

const IS: Record<RunState, string> = {
  queued: "it waits for its turn",
  running: "it is running",
  paused: "it is paused",
  stopped: "it is stopped",
  finished: "it is finished",
  failed: "it failed",
};

/** States in which each action changes something (shared/states/run.ts). */
const FROM: Record<Exclude<ActionName, "retry-parked">, readonly RunState[]> = {
  pause: ["queued", "running"],
  resume: ["paused", "stopped", "failed"],
  cancel: ["queued", "running", "paused"],
  budget: ["queued", "running", "paused", "stopped", "failed"],
};

export const parkedOf = (run: Pick<RunDetail, "passes">): Record<string, number> => {
  const sums: Record<string, number> = {};
  for (const { parked } of run.passes) {
    for (const [reason, amount] of Object.entries(parked)) sums[reason] = (sums[reason] ?? 0) + amount;
  }
  return sums;
};

export function actionOn(run: Pick<RunView, "state">, name: Exclude<ActionName, "retry-parked">): Possible {
  return FROM[name].includes(run.state) ? YES : no(`Not possible: ${IS[run.state]}.`);
}

export function retryOn(run: Pick<RunDetail, "state" | "passes">): Possible {
  const parked = Object.values(parkedOf(run)).reduce((sum, amount) => sum + amount, 0);
  if (parked === 0) return no("No sample is parked.");
  return run.state === "running" || run.state === "queued" ? no(`Pause the run first: ${IS[run.state]}.`) : YES;
}
