/** Which executions can be redriven, by AWS's rules ("RedriveExecution", read 2026-11). */
import { MAX_REDRIVABLE_EVENTS, REDRIVABLE_MS } from "./limits.ts";
import type { AslStore, StoredExecution } from "./store.ts";

/** Why not, or undefined. */
export function notRedrivable(
  store: AslStore,
  { id, status, stoppedAt = 0 }: StoredExecution,
  now: number,
): string | undefined {
  if (status === "RUNNING") return "the execution is running";
  if (status === "SUCCEEDED") return "the execution succeeded";
  if (now - stoppedAt > REDRIVABLE_MS) return "the execution ended more than 14 days ago";
  const events = store.lastEvent(id);
  if (events >= MAX_REDRIVABLE_EVENTS) return `the execution has ${events} history events, the limit is 25000`;
  if (store.frame(id, "") === undefined) return "the execution ended before this version kept what a redrive needs";
  return undefined;
}
