/** Gives open calls up: nobody waits for them any more, the provider ends them, and what they may have cost is settled. */
import type { CallStore } from "../../../shared/ports/calls.ts";
import type { CallRow } from "../../../shared/schemas/calls.ts";
import { settleCall } from "./call-money.ts";
import { changeCall } from "./change.ts";
import type { WorkerDepsOnGpu } from "./deps.ts";

const AT_ONCE = 32; // our choice
const PAGE = 200;

/** Every call of a run that is not at its end; gives how many were given up. */
export async function cancelCalls(runId: string, reason: string, deps: WorkerDepsOnGpu): Promise<number> {
  let cancelled = 0;
  for await (const rows of openCalls({ runId }, deps.gpu.calls)) {
    for (let start = 0; start < rows.length; start += AT_ONCE) {
      await Promise.all(rows.slice(start, start + AT_ONCE).map((row) => cancelCall(row, reason, deps)));
    }
    cancelled += rows.length;
  }
  return cancelled;
}

/** The row first: from then on the function is told to stop when it reports. */
export async function cancelCall({ call }: CallRow, reason: string, deps: WorkerDepsOnGpu): Promise<void> {
  const now = deps.clock.now();
  let wasReserved = false;
  const { outcome, row } = await changeCall(call, deps.gpu.calls, (open) => {
    if (["done", "failed", "cancelled"].includes(open.state)) return undefined;
    wasReserved = open.state !== "queued";
    const error = { code: "cancelled", message: reason, retryable: true };
    return { ...open, state: "cancelled", error, gpuSeconds: usedAtMost(open, now) };
  });
  if (outcome === "left" || row === undefined) return;
  if (row.providerId !== undefined) await deps.gpu.provider.cancel(row.providerId);
  if (wasReserved) await settleCall(row, deps);
}

/** What it told, and the time since then, in which it may have gone on. One that never reported computed nothing. */
export function usedAtMost({ state, gpuSeconds, startedAt, seenAt, deadlineSeconds }: CallRow, now: number): number {
  if (state === "ended" || startedAt === undefined) return gpuSeconds;
  return Math.min(deadlineSeconds, gpuSeconds + Math.max(0, now - seenAt) / 1000);
}

/** Open calls, a page at a time; a page is read when the one before has been dealt with. */
export async function* openCalls(
  filter: { runId?: string },
  calls: Pick<CallStore, "open">,
): AsyncGenerator<CallRow[]> {
  for (let cursor: string | undefined; ; ) {
    const page = await calls.open({ ...filter, limit: PAGE, ...(cursor === undefined ? {} : { cursor }) });
    yield page.items;
    if (page.cursor === undefined) return;
    cursor = page.cursor;
  }
}
