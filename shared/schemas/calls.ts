/** Calls of GPU functions that a run has open or had. */
import { z } from "zod";
import { PassId, StageName } from "./rows.ts";

/** `reserved` → `spawned` → `running` → `done | failed`; `cancelled` from any open state. */
export const CallState = z.enum(["reserved", "spawned", "running", "done", "failed", "cancelled"]);
export type CallState = z.infer<typeof CallState>;

/** What a call works for: a batch for one shard of a stage, a training for one round. */
export const CallWork = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("batch"),
    passId: PassId,
    stage: StageName,
    shardId: z.string(),
    round: z.int().min(0),
  }),
  z.strictObject({ kind: z.literal("train"), passId: PassId, round: z.int().min(0) }),
]);
export type CallWork = z.infer<typeof CallWork>;

export const CallRow = z.strictObject({
  /** `<runId>/<work>#<try>`: the same work tried again is another call. Also the id of its reservation in the ledger. */
  call: z.string().min(1),
  runId: z.string(),
  work: CallWork,
  state: CallState,
  /** For conditional updates; starts at 0. */
  version: z.int().min(0),
  /** Of the loop's task that waits for the work; never leaves the account. */
  token: z.string().min(1),
  /** Object key of what the call makes. */
  resultKey: z.string(),
  /** The provider's id of the call, once somebody knows it. */
  providerId: z.string().optional(),
  /** USD per second while it computes, in millionths of a USD. */
  microsPerSecond: z.number().min(0),
  /** ms since 1970. `seenAt`: of the newest report. */
  createdAt: z.int(),
  seenAt: z.int(),
  gpuSeconds: z.number().min(0),
  /** Why it failed or was cancelled. */
  error: z.strictObject({ code: z.string(), message: z.string(), retryable: z.boolean() }).optional(),
});
export type CallRow = z.infer<typeof CallRow>;

export const OPEN_CALL_STATES = ["reserved", "spawned", "running"] as const satisfies readonly CallState[];

/** Whether somebody may still be paid for it. */
export function isOpen({ state }: Pick<CallRow, "state">): boolean {
  return (OPEN_CALL_STATES as readonly CallState[]).includes(state);
}
