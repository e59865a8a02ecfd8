/**
 * Looks after open calls from time to time: goes on with those whose dispatcher or collector died, asks the provider about
 * those that are silent, and keeps the loop's patience with those that wait for a GPU. Any number may sweep at once.
 */
import type { CallError, CallRow } from "../../../shared/schemas/calls.ts";
import type { RunRow } from "../../../shared/schemas/rows.ts";
import { chargeCall } from "./call-money.ts";
import { cancelCall, openCalls, usedAtMost } from "./cancel.ts";
import { changeCall } from "./change.ts";
import type { WorkerDepsOnGpu } from "./deps.ts";
import { failWork } from "./fail-work.ts";
import { launch } from "./launch.ts";

/** How many calls were looked at, and what was done about them. */
export type Swept = Record<"seen" | "cancelled" | "launched" | "collected" | "lost" | "kept", number>;

const AT_ONCE = 16; // our choice

/** `onFault`: told of a call that could not be looked after; the others are. */
export async function sweepCalls(
  deps: WorkerDepsOnGpu,
  onFault: (error: unknown, call: string) => void,
): Promise<Swept> {
  const swept: Swept = { seen: 0, cancelled: 0, launched: 0, collected: 0, lost: 0, kept: 0 };
  const runs = new Map<string, Promise<RunRow | undefined>>();
  const runOf = (runId: string) => {
    const known = runs.get(runId) ?? deps.store.runs.get(runId);
    runs.set(runId, known);
    return known;
  };
  for await (const rows of openCalls({}, deps.gpu.calls)) {
    for (let start = 0; start < rows.length; start += AT_ONCE) {
      const some = rows.slice(start, start + AT_ONCE);
      await Promise.all(
        some.map(async (row) => {
          try {
            swept[await lookAfter(row, await runOf(row.runId), deps)]++;
            swept.seen++;
          } catch (error) {
            onFault(error, row.call);
          }
        }),
      );
    }
  }
  return swept;
}

type Done = Exclude<keyof Swept, "seen">;

async function lookAfter(row: CallRow, run: RunRow | undefined, deps: WorkerDepsOnGpu): Promise<Done> {
  const { clock, gpu } = deps;
  if (run?.state !== "running") {
    await cancelCall(row, `its run is ${run?.state ?? "gone"}`, deps);
    return "cancelled";
  }
  const silentMs = clock.now() - row.seenAt;
  if (row.state === "ended") {
    if (silentMs < gpu.patience.collectMs) return "kept";
    await gpu.collect(row.call);
    return "collected";
  }
  if (row.state === "queued" || row.state === "reserved") {
    await launch(row, deps).catch((error: unknown) => failWork(row, error, deps));
    return keepWaiting(row, "launched", deps);
  }
  if (row.state === "running" && silentMs < gpu.patience.reportMs) return keepWaiting(row, "kept", deps);
  return askProvider(row, deps);
}

/** The loop's heartbeat runs from the moment a task starts: what computes, or waits for a GPU or for money, is not lost. */
async function keepWaiting(row: CallRow, done: Done, { complete }: WorkerDepsOnGpu): Promise<Done> {
  await complete(row.token, { kind: "heartbeat" });
  return done;
}

async function askProvider(row: CallRow, deps: WorkerDepsOnGpu): Promise<Done> {
  const state = await deps.gpu.provider.poll(row.providerId ?? "");
  if (state.outcome === "running") {
    const { outcome } = await chargeCall(row, deps); // renews its lease
    if (outcome === "closed") return giveUp(row, deps);
    return keepWaiting(row, "kept", deps);
  }
  const isThere = (await deps.blobs.read(row.resultKey, { offset: 0, length: 1 })) !== undefined;
  await end(row, isThere ? undefined : lossOf(state), deps);
  return "lost";
}

function lossOf(state: { outcome: string; message?: string; retryable?: boolean }): CallError {
  const { message = `the provider says ${state.outcome}, and no result is there`, retryable = true } = state;
  return { code: "lost", message, retryable };
}

async function giveUp(row: CallRow, deps: WorkerDepsOnGpu): Promise<Done> {
  await cancelCall(row, "its reservation was closed", deps);
  await failWork(row, new Error("its reservation was closed"), deps);
  return "cancelled";
}

/** As if the function had told its end: what it used is not known, and counts as all the time since it was seen. */
async function end(row: CallRow, error: CallError | undefined, { clock, gpu }: WorkerDepsOnGpu): Promise<void> {
  const { outcome } = await changeCall(row.call, gpu.calls, (now) => {
    if (now.state !== "spawned" && now.state !== "running") return undefined;
    const gpuSeconds = usedAtMost(now, clock.now());
    return { ...now, state: "ended", seenAt: clock.now(), gpuSeconds, ...(error === undefined ? {} : { error }) };
  });
  if (outcome === "changed") await gpu.collect(row.call);
}
