/** What the loop (shared/loop.ts) and its workers say to each other: ids and small figures only. */
import { z } from "zod";
import { PassId, StageName } from "./rows.ts";

/** What an execution starts with. */
export const LoopInput = z.strictObject({ runId: z.string().min(1) });
export type LoopInput = z.infer<typeof LoopInput>;

/** `round` counts from 1; 0 is the base model before the first. */
export const PassInput = z.strictObject({ runId: z.string().min(1), round: z.int().min(0), passId: PassId });
export type PassInput = z.infer<typeof PassInput>;

export const PlanInput = PassInput.extend({ stage: StageName });
export type PlanInput = z.infer<typeof PlanInput>;

/** `attempt` counts from 0 and grows with every retry of the shard inside one execution. */
export const DispatchInput = PlanInput.extend({
  shardId: z.string().min(1),
  attempt: z.int().min(0),
  token: z.string().min(1),
});
export type DispatchInput = z.infer<typeof DispatchInput>;

export const TrainInput = PassInput.extend({ attempt: z.int().min(0), token: z.string().min(1) });
export type TrainInput = z.infer<typeof TrainInput>;

export const PrepareResult = z.strictObject({
  /** The first round with work left, from 1; `rounds + 1` when there is none. */
  firstRound: z.int().min(1),
  rounds: z.int().min(1),
  /** What the base model has to answer before the first round; empty when that is done or not asked for. The last is `0.greedy`. */
  basePasses: z.array(PassId),
  hasTrainer: z.boolean(),
  hasEvaluation: z.boolean(),
  /** The imitation control is asked for and not finished. */
  hasControl: z.boolean(),
  maxConcurrency: z.int().min(1).max(10_000), // AWS: at most 10,000 child executions run at once
  toleratedFailurePercent: z.number().min(0).max(100),
});
export type PrepareResult = z.infer<typeof PrepareResult>;

/** The manifest is JSONL, one `{ "shardId": … }` a line, of the shards that are not done; `shards` is their number. */
export const PlanResult = z.strictObject({ manifestKey: z.string().min(1), shards: z.int().min(0) });
export type PlanResult = z.infer<typeof PlanResult>;

export const PairResult = z.strictObject({ pairs: z.int().min(0) });
export type PairResult = z.infer<typeof PairResult>;

/** `trained: false`: there were too few pairs. `selectPasses`: a pass per checkpoint to compare; empty promotes the last one. */
export const TrainResult = z.strictObject({ trained: z.boolean(), selectPasses: z.array(PassId) });
export type TrainResult = z.infer<typeof TrainResult>;

/** What the gate is asked before a round: `round` is the last one that ended, 0 before the first. */
export const GateInput = PassInput.pick({ runId: true, round: true });
export type GateInput = z.infer<typeof GateInput>;

/** `stop`: the run ends here, for the reason that is told. */
export const GateResult = z.discriminatedUnion("outcome", [
  z.strictObject({ outcome: z.literal("go_on") }),
  z.strictObject({ outcome: z.literal("stop"), reason: z.string() }),
]);
export type GateResult = z.infer<typeof GateResult>;

/** How an execution ends well. `paused`: the run's budget is spent; everything made so far is usable. */
export const LoopOutput = z.strictObject({
  runId: z.string(),
  status: z.enum(["finished", "paused"]),
  round: z.int().min(0),
  /** Why it finished before its last round; left out where it did not. */
  reason: z.string().optional(),
});
export type LoopOutput = z.infer<typeof LoopOutput>;

/**
 * What any worker throws (as `error.name`) once the run is paused because the budget refused a reservation. `dispatch`
 * only refuses its shard by it; the next worker ends the execution.
 */
export const RUN_PAUSED = "Run.Paused";
/** What a worker throws (as `error.name`) for a failure that a later attempt may not have. */
export const WORKER_RETRYABLE = "Worker.Retryable";
/** How the execution fails when too many shards of one stage failed. */
export const TOO_MANY_SHARDS_FAILED = "Run.TooManyShardsFailed";
