/** AWS's limits for a Standard workflow ("Step Functions service quotas", read 2026-11), enforced here so that what runs here runs there. */
import type { Json } from "../../../shared/ports/orchestrator.ts";
import { StatesError } from "./errors.ts";

export const MAX_PAYLOAD_BYTES = 256 * 1024;
export const MAX_HISTORY_EVENTS = 25_000;
/** After its end. */
export const REDRIVABLE_MS = 14 * 24 * 3600 * 1000;
/** An execution with as many events, or more, is not redriven. */
export const MAX_REDRIVABLE_EVENTS = 24_999;
/** All variables of one scope together; a single one, and one Assign, may have MAX_PAYLOAD_BYTES. */
const MAX_VARIABLES_BYTES = 10 * 1024 * 1024;
export const MAX_INLINE_CONCURRENCY = 40;
export const MAX_DISTRIBUTED_CONCURRENCY = 10_000;

export const jsonBytes = (value: Json): number => Buffer.byteLength(JSON.stringify(value));

/** Gives the value back, or fails with States.DataLimitExceeded. `what` names it in the cause. */
export function withinPayload(value: Json, what: string): Json {
  const bytes = jsonBytes(value);
  if (bytes <= MAX_PAYLOAD_BYTES) return value;
  const way = "put the data into an object and pass its key";
  throw new StatesError(
    "States.DataLimitExceeded",
    `${what} has ${bytes} bytes, the limit is ${MAX_PAYLOAD_BYTES}: ${way}`,
  );
}

/** Variables after an Assign; AWS names no error for them, so this is the one of payloads. */
export function withinVariables(before: Record<string, Json>, assigned: Record<string, Json>): Record<string, Json> {
  withinPayload(assigned, "Assign");
  const after = { ...before, ...assigned };
  const bytes = jsonBytes(after);
  if (bytes <= MAX_VARIABLES_BYTES) return after;
  throw new StatesError(
    "States.DataLimitExceeded",
    `the variables have ${bytes} bytes, the limit is ${MAX_VARIABLES_BYTES}`,
  );
}

/** Checks that an execution that has `count` events may have more; one place is kept for the event of its end. */
export function withinHistory(count: number): number {
  if (count < MAX_HISTORY_EVENTS) return count;
  throw new StatesError("States.Runtime", `the execution reached the limit of ${MAX_HISTORY_EVENTS} history events`);
}
