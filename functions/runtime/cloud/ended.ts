/** What an execution of the loop leaves to do when it ends: the run's row, its report and datasets, and who is told. */
import type { Execution } from "../../../shared/ports/orchestrator.ts";
import { LoopInput } from "../../../shared/schemas/loop.ts";
import type { RunRow } from "../../../shared/schemas/rows.ts";
import { cancelCalls } from "../../workers/gpu/cancel.ts";
import { endingOf } from "../endings.ts";
import { finishRun, isFinishedWhole } from "../finish.ts";
import { moveRun } from "../run-rows.ts";
import type { RunTelling } from "../run-telling.ts";
import type { Cloud } from "./cloud.ts";
import { newestExecution } from "./executions.ts";
import { workerDeps } from "./run-worker.ts";

/** Safe to repeat; an execution that runs, or that a later one has followed, changes nothing. */
export async function executionEnded(
  executionId: string,
  cloud: Cloud,
  telling: Pick<RunTelling, "afterwards">,
): Promise<{ outcome: "ended" | "nothing_to_do" }> {
  const execution = await cloud.orchestrator.describe(executionId);
  if (execution === undefined || execution.status === "RUNNING") return { outcome: "nothing_to_do" };
  const { runId } = LoopInput.parse(execution.input);
  if ((await newestExecution(runId, cloud))?.id !== executionId) return { outcome: "nothing_to_do" };
  return runEnded(runId, execution, cloud, telling);
}

/** A person's pause or cancel has moved the run already. */
async function runEnded(
  runId: string,
  execution: Execution,
  cloud: Cloud,
  telling: Pick<RunTelling, "afterwards">,
): Promise<{ outcome: "ended" | "nothing_to_do" }> {
  const run = await cloud.store.runs.get(runId);
  if (run === undefined) return { outcome: "nothing_to_do" };
  if (run.state === "running" || run.state === "queued") {
    const ended = await close(run, execution, cloud);
    await finishRun(ended, cloud);
    await telling.afterwards(ended);
    return { outcome: "ended" };
  }
  if (run.state !== "finished" || (await isFinishedWhole(runId, cloud.blobs))) return { outcome: "nothing_to_do" };
  await finishRun(run, cloud); // cut off the time before
  await telling.afterwards(run);
  return { outcome: "ended" };
}

/** Shards that were still computing when the loop gave up are stopped and paid. */
async function close(run: RunRow, execution: Execution, cloud: Cloud): Promise<RunRow> {
  const { runId } = run;
  const ending = endingOf(runId, execution);
  const deps = workerDeps(cloud, { runId, signal: new AbortController().signal });
  await cancelCalls(runId, ending.reason ?? "the loop has ended", deps);
  if (run.state === "queued") await moveRun(runId, { state: "running", reason: undefined }, cloud);
  const workedMs = Math.max(0, (execution.stoppedAt ?? execution.startedAt) - execution.startedAt);
  const row = await moveRun(runId, { ...ending, workedMs }, cloud);
  const { state, reason } = row;
  deps.emit({ kind: "run", runId, state, ...(reason === undefined ? {} : { reason }) });
  await cloud.sinks.of(runId).flush();
  return row;
}
