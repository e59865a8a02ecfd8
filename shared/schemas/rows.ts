/** The rows a StateStore keeps: small, no content; content lies in shard files that `pointer` names. */
import { z } from "zod";
import { Usage } from "./chat.ts";

/** One walk of a set of samples through the model stages: `1.train`, `2.select-56` (a checkpoint's step), `0.evaluate`, `0.greedy`, `4.control`. */
export const PassId = z.string().regex(/^\d+\.(train|select-\d+|evaluate|greedy|control)$/);
export type PassId = z.infer<typeof PassId>;

export const StageName = z.enum(["generate", "divide", "question", "score"]);
export type StageName = z.infer<typeof StageName>;

export const SampleState = z.enum([
  "submitted",
  "generated",
  "divided",
  "questioned",
  "scored",
  "paired",
  "unpaired",
  "parked",
]);
export type SampleState = z.infer<typeof SampleState>;

/** Bytes of one sample's JSON line inside a shard file. */
export const Pointer = z.strictObject({ key: z.string(), offset: z.int().min(0), length: z.int().min(1) });
export type Pointer = z.infer<typeof Pointer>;

export const SampleRow = z.strictObject({
  runId: z.string(),
  passId: PassId,
  sampleId: z.string(),
  shardId: z.string(),
  state: SampleState,
  /** How often the current stage was tried without success. */
  attempt: z.int().min(0),
  pointer: Pointer,
  /** Why it is parked. */
  reason: z.string().optional(),
});
export type SampleRow = z.infer<typeof SampleRow>;

/** A conditional change of one sample: applies only when the row is still in `from` with `attempt`. */
export const SampleMove = z.strictObject({
  sampleId: z.string(),
  from: SampleState,
  attempt: z.int().min(0),
  to: SampleState,
  pointer: Pointer.optional(),
  reason: z.string().optional(),
});
export type SampleMove = z.infer<typeof SampleMove>;

export const ShardState = z.enum(["planned", "running", "done", "failed"]);

/** One shard of one stage. Counters are whole once the state is `done`. */
export const ShardRow = z.strictObject({
  runId: z.string(),
  passId: PassId,
  stage: StageName,
  shardId: z.string(),
  state: ShardState,
  attempt: z.int().min(0),
  samples: z.int().min(0),
  parked: z.int().min(0),
  requests: z.int().min(0),
  /** Requests answered from the reply cache: nothing was computed or paid for them. */
  cachedReplies: z.int().min(0),
  usage: Usage.optional(),
  usdMicros: z.int().min(0),
  seconds: z.number().min(0),
  /** Named losses, e.g. `no_claims: 3` (shared/states/losses.ts). */
  losses: z.record(z.string(), z.int()),
  error: z.string().optional(),
});
export type ShardRow = z.infer<typeof ShardRow>;

/** `queued`: accepted, and waiting until the service has a place for it. */
export const RunState = z.enum(["queued", "running", "paused", "stopped", "finished", "failed"]);
export type RunState = z.infer<typeof RunState>;

export const Checkpoint = z.strictObject({
  /** The name it is served under, e.g. `rlaifv-demo-r1-s28`. */
  id: z.string(),
  /** BlobStore key of the safetensors file. */
  key: z.string(),
  sha256: z.string(),
  step: z.int().min(0),
  epoch: z.number().min(0),
});
export type Checkpoint = z.infer<typeof Checkpoint>;

export const RunRow = z.strictObject({
  runId: z.string(),
  name: z.string(),
  state: RunState,
  /** Why it is paused, stopped or failed; what to do stands in the message. */
  reason: z.string().optional(),
  /** Version for conditional updates; starts at 0. */
  version: z.int().min(0),
  createdAt: z.int(),
  updatedAt: z.int(),
  /** Milliseconds of work, summed over all starts and resumes. */
  workedMs: z.int().min(0),
  configKey: z.string(),
  round: z.int().min(0),
  rounds: z.int().min(1),
  /** The checkpoint the next round starts from; absent while it is the base model. */
  checkpoint: Checkpoint.optional(),
});
export type RunRow = z.infer<typeof RunRow>;
