/** What a GPU function's report changes, and whether the function is to go on. */
import type { CallError, CallRow } from "../../../shared/schemas/calls.ts";
import type { GpuReport, GpuVerdict } from "../../../shared/schemas/gpu.ts";
import { chargeCall } from "./call-money.ts";
import { changeCall } from "./change.ts";
import type { WorkerDepsOnGpu } from "./deps.ts";

/**
 * The row decides: a function whose call was given up, or whose work another one does, is told to stop. Late and repeated
 * reports change nothing.
 */
export async function heed(report: GpuReport, deps: WorkerDepsOnGpu): Promise<GpuVerdict> {
  const now = deps.clock.now();
  const changed = await changeCall(report.call, deps.gpu.calls, (row) =>
    refusalOf(row, report) === undefined ? after(row, report, now) : undefined,
  );
  if (changed.outcome === "left") return { goOn: false, reason: refusalOf(changed.row, report) ?? "nothing to do" };
  const { row } = changed;
  if (row.state === "ended") {
    await deps.gpu.collect(row.call);
    return { goOn: false, reason: "the call has ended" };
  }
  return report.type === "heartbeat" ? beat(row, deps) : { goOn: true };
}

/** Why the function behind a report has nothing more to do. */
function refusalOf(row: CallRow | undefined, { providerId }: GpuReport): string | undefined {
  if (row === undefined) return "nobody knows this call";
  if (row.providerId !== undefined && row.providerId !== providerId) return "another function does this work";
  if (["queued", "ended", "done", "failed", "cancelled"].includes(row.state)) return `the call is ${row.state}`;
  return undefined;
}

/** Pure: the row once the report is heeded. */
export function after(row: CallRow, report: GpuReport, now: number): CallRow {
  const seen = { ...row, providerId: report.providerId, startedAt: row.startedAt ?? now, seenAt: now };
  if (report.type === "started") return { ...seen, state: "running" };
  const gpuSeconds = Math.max(row.gpuSeconds, report.gpuSeconds);
  if (report.type === "heartbeat") return { ...seen, state: "running", gpuSeconds };
  if (report.type === "success") return { ...seen, state: "ended", gpuSeconds };
  const { code, message, retryable } = report;
  const error: CallError = { code, message: message.slice(0, MESSAGE_CHARACTERS), retryable };
  return { ...seen, state: "ended", gpuSeconds, error };
}

const MESSAGE_CHARACTERS = 2000; // our choice: a traceback's end; a row stays small

/** A function that nobody pays for stops. The loop hears of heartbeats from the sweeper: this door uses no token. */
async function beat(row: CallRow, deps: WorkerDepsOnGpu): Promise<GpuVerdict> {
  const { outcome } = await chargeCall(row, deps);
  return outcome === "charged" ? { goOn: true } : { goOn: false, reason: "its reservation is closed" };
}
