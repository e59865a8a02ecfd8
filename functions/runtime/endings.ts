/** Why a run stands still, in words for people; both doors are named, for a folder's runs may be driven by either. */
import { Drain } from "../../shared/drain.ts";
import type { Execution } from "../../shared/ports/orchestrator.ts";
import { LoopOutput } from "../../shared/schemas/loop.ts";
import type { RunRow, RunState } from "../../shared/schemas/rows.ts";

export type Ending = { state: RunState; reason: string | undefined };

/** The reason to abort a run's signal with: what becomes of the run. Any other reason stops it "by hand". */
export class RunStopped extends Drain {
  override name = "RunStopped";
  readonly ending: Ending;
  constructor(ending: Ending) {
    super(ending.reason ?? ending.state);
    this.ending = ending;
  }
}

const goOn = (runId: string): string => `"rlaifv resume ${runId}" or POST /v1/runs/${runId}/resume goes on`;

export const stoppedByHand = (runId: string): Ending => ({
  state: "stopped",
  reason: `stopped by hand; ${goOn(runId)}`,
});

export const pausedByHand = (runId: string): RunStopped =>
  new RunStopped({
    state: "paused",
    reason: `paused by hand: what is finished is kept, and money not spent is free again; ${goOn(runId)}`,
  });

export const cancelled = (runId: string): RunStopped =>
  new RunStopped({
    state: "stopped",
    reason: `cancelled: what is finished is kept, and the rest of the budget went back; ${goOn(runId)}`,
  });

/** The process ends and the run does not: the next process goes on by itself. */
export const interrupted = (): RunStopped => new RunStopped({ state: "queued", reason: undefined });

const SHORT = "the budget has no room for the next step";

export const shortOfMoney = (runId: string): Ending => ({
  state: "paused",
  reason: `${SHORT}: raise it with "rlaifv resume ${runId} --budget USD" or PATCH /v1/runs/${runId} {"budget_usd": …}`,
});

/** Such a run goes on once its budget is raised; one that a person paused waits for a person. */
export function isShortOfMoney({ state, reason }: Pick<RunRow, "state" | "reason">): boolean {
  return state === "paused" && reason?.startsWith(SHORT) === true;
}

/** How a run stands once its execution has ended. */
export function endingOf(runId: string, execution: Execution): Ending {
  if (execution.status !== "SUCCEEDED") {
    const { error, cause } = execution.error ?? { error: execution.status, cause: "" };
    return { state: "failed", reason: `${error}: ${cause}` };
  }
  const output = LoopOutput.parse(execution.output);
  return output.status === "finished" ? { state: "finished", reason: output.reason } : shortOfMoney(runId);
}
