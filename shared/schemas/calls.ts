/** Calls of GPU functions that a run has open or had. */
import { z } from "zod";
import { PassId, StageName } from "./rows.ts";

/**
 * The life of a call: `queued` (waits for money) → `reserved` → `spawned` (the provider has it) → `running` (it has reported)
 * → `ended` (it has told its end, nobody has acted on it) → `done | failed`. `cancelled` from any state before the last.
 */
export const CallState = z.enum(["queued", "reserved", "spawned", "running", "ended", "done", "failed", "cancelled"]);
export type CallState = z.infer<typeof CallState>;

/** What a call works for: a batch for one shard of a stage, or the training of a pass's round. `attempt`: of the loop's task. */
export const CallWork = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("batch"),
    passId: PassId,
    stage: StageName,
    shardId: z.string(),
    round: z.int().min(0),
    attempt: z.int().min(0),
  }),
  z.strictObject({ kind: z.literal("train"), passId: PassId, round: z.int().min(0), attempt: z.int().min(0) }),
]);
export type CallWork = z.infer<typeof CallWork>;

/** Why a call failed or was cancelled. */
export const CallError = z.strictObject({ code: z.string(), message: z.string(), retryable: z.boolean() });
export type CallError = z.infer<typeof CallError>;

export const CallRow = z.strictObject({
  /** `<runId>/<work>#<try>`: the same work tried again is another call. Its reservation is `run/<call>`. */
  call: z.string().min(1),
  runId: z.string(),
  work: CallWork,
  state: CallState,
  /** For conditional updates; starts at 0. */
  version: z.int().min(0),
  /** Of the loop's task that waits for the work; never leaves the account. */
  token: z.string().min(1),
  /** Object key of the job (BatchJob or GpuTrainJob) and of what it makes. */
  jobKey: z.string(),
  resultKey: z.string(),
  /** The provider's id of the call, once somebody knows it. */
  providerId: z.string().optional(),
  /** Millionths of a USD per second while it computes. */
  microsPerSecond: z.number().min(0),
  /** Seconds that are paid for at most: with `microsPerSecond` the amount reserved. */
  deadlineSeconds: z.int().min(1),
  /** ms since 1970. `startedAt`: of the first report; `seenAt`: of the newest, or of the newest change before the first. */
  createdAt: z.int(),
  startedAt: z.int().optional(),
  seenAt: z.int(),
  /** As told by the newest report. */
  gpuSeconds: z.number().min(0),
  error: CallError.optional(),
});
export type CallRow = z.infer<typeof CallRow>;

const CLOSED = ["done", "failed", "cancelled"] as const satisfies readonly CallState[];

/** Whether somebody still has to act on it or may be paid for it. */
export function isOpen({ state }: Pick<CallRow, "state">): boolean {
  return !(CLOSED as readonly CallState[]).includes(state);
}
