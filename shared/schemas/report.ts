/** `report.json`: what a run did and what came of it. A run without training or evaluation is a report with nulls. */
import { z } from "zod";
import { RunConfig } from "./config.ts";
import { Difference, Estimate, MetricSet, Metrics } from "./metrics.ts";
import { Checkpoint, RunState, SampleState, StageName } from "./rows.ts";

const Count = z.int().min(0);

/** One optimiser step, or the mean of several; rewards in nats times beta. */
const CurvePoint = z.strictObject({
  step: Count,
  epoch: z.number().min(0),
  loss: z.number(),
  margin: z.number(),
  accuracy: z.number().min(0).max(1),
  chosen_reward: z.number(),
  rejected_reward: z.number(),
  learning_rate: z.number().min(0),
});

export const TrainingReport = z.discriminatedUnion("outcome", [
  z.strictObject({
    outcome: z.literal("trained"),
    steps: Count,
    pairs_used: Count,
    /** Pairs the trainer could not take, by reason. */
    pairs_dropped: z.record(z.string(), Count),
    /** Means over the last quarter of the steps: one step is a handful of pairs. */
    loss: z.number().nullable(),
    reward_margin: z.number().nullable(),
    reward_accuracy: z.number().nullable(),
    curve: z.array(CurvePoint),
    seconds: z.number().min(0),
  }),
  z.strictObject({ outcome: z.literal("too_few_pairs"), pairs: Count, needed: Count }),
]);
export type TrainingReport = z.infer<typeof TrainingReport>;

/** One checkpoint put to the rule, and what the rule said. */
export const Considered = z.strictObject({
  checkpoint: z.string(),
  step: Count,
  passed: z.boolean(),
  reason: z.string(),
  response_hallucination: Estimate,
  recall: Estimate,
  words: Estimate,
});
export type Considered = z.infer<typeof Considered>;

/** `kept`: no checkpoint passed the gate; the round's starting policy stays. */
export const Selection = z.discriminatedUnion("outcome", [
  z.strictObject({
    outcome: z.literal("selected"),
    checkpoint: z.string(),
    reason: z.string(),
    considered: z.array(Considered),
  }),
  z.strictObject({ outcome: z.literal("kept"), reason: z.string(), considered: z.array(Considered) }),
]);
export type Selection = z.infer<typeof Selection>;

/**
 * What the run's gate (`evaluate.gate`) said about the reported figures of a round. `not_measured`: the round was not
 * evaluated, for it trained nothing. `decision`: `stop` ends the run before the rounds that were left.
 */
export const RoundGate = z.strictObject({
  expression: z.string(),
  outcome: z.enum(["passed", "failed", "not_measured"]),
  /** Every comparison as it came out; `value` is null where the figure was not measured. */
  checks: z.array(z.strictObject({ text: z.string(), value: z.number().nullable(), holds: z.boolean() })),
  decision: z.enum(["go_on", "stop"]),
  reason: z.string(),
});
export type RoundGate = z.infer<typeof RoundGate>;

/** What one model stage of one round cost. Tokens are null where the server did not tell them. */
export const StageReport = z.strictObject({
  stage: z.union([StageName, z.enum(["pair", "train", "select", "evaluate"])]),
  seconds: z.number().min(0),
  requests: Count,
  cached_replies: Count,
  prompt_tokens: Count.nullable(),
  completion_tokens: Count.nullable(),
  cost_usd: z.number().min(0),
});
export type StageReport = z.infer<typeof StageReport>;

/** How the round's pairs came about and how long their sides are. */
const PairingReport = z.strictObject({
  /** Samples with at least one pair. */
  samples: Count,
  chosen_words: z.number().min(0).nullable(),
  rejected_words: z.number().min(0).nullable(),
  /** Candidate pairs left out, by reason. */
  dropped: z.record(z.string(), Count),
});

export const RoundReport = z.strictObject({
  round: z.int().min(1),
  pairs: Count,
  pairing: PairingReport,
  /** Samples of the round's training pass by the state they ended in. */
  funnel: z.partialRecord(SampleState, Count),
  /** What the samples held after scoring. */
  candidates: Count,
  claims: Count,
  /** Named losses (shared/states/losses.ts). */
  losses: z.record(z.string(), Count),
  training: TrainingReport.nullable(),
  selection: Selection.nullable(),
  /** The promoted checkpoint; null while the round's starting policy stays. */
  checkpoint: Checkpoint.nullable(),
  metrics: Metrics.nullable(),
  /** Null without `evaluate.gate`, and in reports of versions that had no gate. */
  gate: RoundGate.nullable().default(null),
  stages: z.array(StageReport),
  cost_usd: z.number().min(0),
  seconds: z.number().min(0),
});
export type RoundReport = z.infer<typeof RoundReport>;

/** Each sample's best answer of N by claim score, of the base and of the final model. */
export const BestOfN = z.strictObject({ n: z.int().min(2), base: MetricSet, aligned: MetricSet.nullable() });
export type BestOfN = z.infer<typeof BestOfN>;

/** What else could explain the result (docs/embedded.md). */
export const Controls = z.strictObject({
  /** The base model's answers, shortened to the aligned model's mean number of sentences. */
  truncated_base: MetricSet.nullable(),
  /** The base model fine-tuned on the chosen answers only, without the comparison. */
  sft_only: MetricSet.nullable(),
});
export type Controls = z.infer<typeof Controls>;

/** Base against final model on the same images. */
export const Comparison = z.strictObject({
  response_hallucination: Difference,
  mention_hallucination: Difference,
  recall: Difference,
  words: Difference,
  malformed: Difference,
  duplicates: Difference,
});
export type Comparison = z.infer<typeof Comparison>;

const RunReport = z.strictObject({
  id: z.string(),
  name: z.string(),
  state: RunState,
  /** Why it is paused, stopped or failed. */
  reason: z.string().nullable(),
  seed: Count,
  /** ISO 8601, UTC. */
  created_at: z.iso.datetime(),
  code_version: z.string(),
});

export const Report = z.strictObject({
  format: z.literal("rlaifv-report/1"),
  run: RunReport,
  config: RunConfig,
  /** Null without an `evaluate` part in the config. */
  base: Metrics.nullable(),
  rounds: z.array(RoundReport),
  best_of_n: BestOfN.nullable(),
  controls: Controls,
  comparison: Comparison.nullable(),
  /** Everything the run spent, evaluation included. */
  cost_usd: z.number().min(0),
  /** Seconds of work, summed over all starts and resumes. */
  seconds: z.number().min(0),
  warnings: z.array(z.string()),
});
export type Report = z.infer<typeof Report>;
