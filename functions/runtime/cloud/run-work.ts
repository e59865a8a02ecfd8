/** Runs' work done by the loop in the cloud: started, and stopped with everything that computes for it. */
import { cancelCalls } from "../../workers/gpu/cancel.ts";
import type { RunWork } from "../run-control.ts";
import { moveRun } from "../run-rows.ts";
import type { RunTelling } from "../run-telling.ts";
import type { Cloud } from "./cloud.ts";
import { newestExecution, startExecution } from "./executions.ts";
import { workerDeps } from "./run-worker.ts";

export function cloudWork(cloud: Cloud, telling: Pick<RunTelling, "become">): RunWork {
  return {
    async add(runId) {
      await startExecution(runId, cloud);
      const run = await cloud.store.runs.get(runId);
      if (run?.state === "queued") await telling.become(runId, { state: "running", reason: undefined });
    },
    remove: () => false, // nothing waits here: a queued run is one whose start was cut off
    async stop(runId, { ending }) {
      const run = await cloud.store.runs.get(runId);
      if (run?.state !== "running") return false;
      await moveRun(runId, ending, cloud); // first: the end of the execution that follows is then no failure
      await stopExecution(runId, ending.reason ?? ending.state, cloud);
      await telling.become(runId, { ...ending, workedMs: await workedMs(runId, cloud) });
      return true;
    },
    ended: () => Promise.resolve(),
  };
}

/** The loop first, so that nothing asks for more; then what computes. */
export async function stopExecution(runId: string, reason: string, cloud: Cloud): Promise<void> {
  const execution = await newestExecution(runId, cloud);
  if (execution?.status === "RUNNING") await cloud.orchestrator.stop(execution.id, reason);
  await cancelCalls(runId, reason, workerDeps(cloud, { runId, signal: new AbortController().signal }));
}

/** How long the newest execution worked, or has until now. */
export async function workedMs(runId: string, cloud: Cloud): Promise<number> {
  const execution = await newestExecution(runId, cloud);
  return execution === undefined ? 0 : Math.max(0, (execution.stoppedAt ?? cloud.clock.now()) - execution.startedAt);
}
