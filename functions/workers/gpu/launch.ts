/** Brings a call to the provider: money first, then the spawn, then the provider's id into the row. Safe to repeat at every step. */
import { MICROS_PER_USD } from "../../../shared/budget/prices.ts";
import type { CallRow } from "../../../shared/schemas/calls.ts";
import { RUN_PAUSED } from "../../../shared/schemas/loop.ts";
import { WorkerError } from "../deps.ts";
import { readJson } from "../files.ts";
import { reserveCall, settleCall } from "./call-money.ts";
import { changeCall } from "./change.ts";
import type { WorkerDepsOnGpu } from "./deps.ts";
import { JobFile } from "./job-file.ts";

/**
 * A call without room for its money stays `queued`, one that the provider refuses just now stays `reserved`: the sweeper
 * comes back to both. Throws `Run.Paused` when the budget can never hold it.
 */
export async function launch(row: CallRow, deps: WorkerDepsOnGpu): Promise<void> {
  const reserved = row.state === "queued" ? await fund(row, deps) : row;
  if (reserved === undefined || reserved.state !== "reserved" || reserved.providerId !== undefined) return;
  const { job, place } = await jobOf(reserved, deps);
  if (!(await claim(reserved, deps))) return; // somebody else is spawning it
  const spawned = await deps.gpu.provider.spawn(job, { ...place, version: place.version ?? undefined });
  if (spawned.outcome === "spawned") await keepProviderId(row.call, spawned.providerId, deps);
}

async function fund(row: CallRow, deps: WorkerDepsOnGpu): Promise<CallRow | undefined> {
  const { calls } = deps.gpu;
  const reserved = await reserveCall(row, deps);
  if (reserved.outcome === "no_room" || reserved.outcome === "closed") return undefined;
  if (reserved.outcome === "too_dear") return refuse(row, reserved.missingMicros, deps);
  const changed = await changeCall(row.call, calls, (now) =>
    now.state === "queued" ? { ...now, state: "reserved", seenAt: 0 } : undefined,
  );
  if (changed.row?.state === "cancelled") await settleCall(changed.row, deps); // given up while its money was reserved
  return changed.row;
}

async function refuse(row: CallRow, missingMicros: number, { gpu }: WorkerDepsOnGpu): Promise<never> {
  const message = `the budget is short by ${missingMicros / MICROS_PER_USD} USD`;
  const error = { code: RUN_PAUSED, message, retryable: true };
  await changeCall(row.call, gpu.calls, (now) =>
    now.state === "queued" ? { ...now, state: "cancelled", error } : undefined,
  );
  throw new WorkerError(RUN_PAUSED, message);
}

async function jobOf({ call, jobKey }: CallRow, { blobs }: WorkerDepsOnGpu): Promise<JobFile> {
  const file = await readJson(blobs, jobKey, JobFile);
  if (file === undefined) throw new Error(`call ${call}: its job ${jobKey} is gone from the bucket`);
  return file;
}

/** Whether it is ours to spawn: one does it at a time, and after a death another when the patience with the dead is over. */
async function claim(row: CallRow, { clock, gpu }: WorkerDepsOnGpu): Promise<boolean> {
  const { outcome } = await changeCall(row.call, gpu.calls, (now) => {
    const isFree = now.state === "reserved" && now.providerId === undefined;
    return isFree && clock.now() - now.seenAt >= gpu.patience.spawnMs ? { ...now, seenAt: clock.now() } : undefined;
  });
  return outcome === "changed";
}

/** A call that was given up meanwhile is stopped; one that has reported already knows its provider's id. */
async function keepProviderId(call: string, providerId: string, { clock, gpu }: WorkerDepsOnGpu): Promise<void> {
  const { row } = await changeCall(call, gpu.calls, (now) =>
    now.state === "reserved" ? { ...now, state: "spawned", providerId, seenAt: clock.now() } : undefined,
  );
  if (row?.providerId !== providerId) await gpu.provider.cancel(providerId);
}
