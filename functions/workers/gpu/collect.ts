/** Acts on a call that has told its end: settles its money, and goes on with the work it was for. Safe to repeat. */
import { z } from "zod";
import type { CallRow } from "../../../shared/schemas/calls.ts";
import { WORKER_RETRYABLE } from "../../../shared/schemas/loop.ts";
import { WorkerError } from "../deps.ts";
import { workShard } from "../dispatch.ts";
import { workTraining } from "../train.ts";
import { settleCall } from "./call-money.ts";
import { changeCall } from "./change.ts";
import type { WorkerDepsOnGpu } from "./deps.ts";
import { failWork } from "./fail-work.ts";

export const CollectInput = z.strictObject({ call: z.string().min(1) });

export async function collect(event: unknown, deps: WorkerDepsOnGpu): Promise<{ outcome: string }> {
  const { call } = CollectInput.parse(event);
  const row = await deps.gpu.calls.get(call);
  if (row === undefined || row.state !== "ended") return { outcome: row?.state ?? "unknown" };
  await settleCall(row, deps);
  const error = row.error ?? (await missingResult(row, deps));
  if (error === undefined) await goOn(row, deps);
  else
    await failWork(row, new WorkerError(error.retryable ? WORKER_RETRYABLE : `Gpu.${error.code}`, error.message), deps);
  const state = error === undefined ? "done" : "failed";
  await changeCall(call, deps.gpu.calls, (now) =>
    now.state === "ended" ? { ...now, state, ...(error === undefined ? {} : { error }) } : undefined,
  );
  return { outcome: state };
}

/** A success that left nothing behind: its container may have died between the two. */
async function missingResult({ resultKey }: CallRow, { blobs }: WorkerDepsOnGpu): Promise<CallRow["error"]> {
  if ((await blobs.read(resultKey, { offset: 0, length: 1 })) !== undefined) return undefined;
  return { code: "no_result", message: `${resultKey} was told and is not there`, retryable: true };
}

/** The shard or the training, from where the call's answer lets it go on. */
async function goOn(row: CallRow, deps: WorkerDepsOnGpu): Promise<void> {
  const { runId, work, token } = row;
  const { kind: _kind, ...task } = work;
  try {
    const progress =
      "stage" in task
        ? await workShard({ runId, token, ...task }, deps)
        : await workTraining({ runId, token, ...task }, deps);
    if (progress.outcome === "done") await deps.complete(token, { kind: "success", output: progress.output });
  } catch (error) {
    if (deps.signal.aborted) throw error; // out of time: whoever collects next goes on
    await failWork(row, error, deps);
  }
}
