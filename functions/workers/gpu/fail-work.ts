import type { CallRow } from "../../../shared/schemas/calls.ts";
import { RUN_PAUSED } from "../../../shared/schemas/loop.ts";
import { failureOf } from "../deps.ts";
import type { WorkerDepsOnGpu } from "./deps.ts";

/**
 * Tells the loop that a call's work failed, and notes it with the shard: work that was refused for want of money waits as
 * if nobody had tried.
 */
export async function failWork({ runId, work, token }: CallRow, error: unknown, deps: WorkerDepsOnGpu): Promise<void> {
  const failure = failureOf(error);
  if (work.kind === "batch") {
    const { passId, stage, shardId } = work;
    const shard = await deps.store.shards.get({ runId, passId, stage, shardId });
    const isRefused = failure.error === RUN_PAUSED;
    const after = isRefused
      ? { state: "planned" as const }
      : { state: "failed" as const, attempt: (shard?.attempt ?? 0) + 1, error: failure.cause };
    if (shard !== undefined && shard.state !== "done") await deps.store.shards.put({ ...shard, ...after });
  }
  await deps.complete(token, { kind: "failure", ...failure });
}
