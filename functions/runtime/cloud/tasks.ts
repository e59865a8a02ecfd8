/**
 * The two workers whose task waits for a token. Where nothing is left to wait for they report at once; a failure is the
 * invocation's own, which the loop sees as the task's.
 */
import { DispatchInput, TrainInput } from "../../../shared/schemas/loop.ts";
import type { Progress, WorkerDeps } from "../../workers/deps.ts";
import { workShard } from "../../workers/dispatch.ts";
import { workTraining } from "../../workers/train.ts";

export async function dispatchTask(event: unknown, deps: WorkerDeps): Promise<{ outcome: string }> {
  const task = DispatchInput.parse(event);
  return reported(task.token, await workShard(task, deps), deps);
}

export async function trainTask(event: unknown, deps: WorkerDeps): Promise<{ outcome: string }> {
  const task = TrainInput.parse(event);
  return reported(task.token, await workTraining(task, deps), deps);
}

async function reported(token: string, progress: Progress, { complete }: WorkerDeps): Promise<{ outcome: string }> {
  if (progress.outcome === "done") await complete(token, { kind: "success", output: progress.output });
  return { outcome: progress.outcome };
}
