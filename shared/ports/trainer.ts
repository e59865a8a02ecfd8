import type { TrainConfig } from "../schemas/config.ts";
import type { Pair } from "../schemas/pair.ts";
import type { Checkpoint } from "../schemas/rows.ts";

/** One round's training. */
export type TrainJob = {
  /** Prefix of the checkpoints' names, e.g. `rlaifv-demo-r1`; a checkpoint of step 28 is called `rlaifv-demo-r1-s28`. */
  name: string;
  /** Where the round starts, and the reference model of its DPO loss; `undefined` is the trainer's base model. */
  base: Checkpoint | undefined;
  /** The base model's name, used when `base` is undefined. */
  baseModel: string;
  pairs: readonly Pair[];
  config: TrainConfig;
  seed: number;
  /** BlobStore prefix for checkpoints and resume state. */
  outputPrefix: string;
};

/** One optimiser step, or the mean of several. Rewards: beta·(policy − reference) logprobs, nats. */
export type TrainStep = {
  step: number;
  steps: number;
  epoch: number;
  loss: number;
  chosenReward: number;
  rejectedReward: number;
  margin: number;
  /** Share of pairs whose chosen reward is strictly the higher one. */
  accuracy: number;
  learningRate: number;
};

export type TrainOutcome =
  | {
      outcome: "trained";
      checkpoints: Checkpoint[];
      steps: TrainStep[];
      pairsUsed: number;
      pairsDropped: Record<string, number>;
    }
  | { outcome: "too_few_pairs"; pairs: number; needed: number };

/** Pairs + base checkpoint → checkpoints + metrics. The same job again continues from its newest checkpoint. */
export interface Trainer {
  train(job: TrainJob, options: { signal: AbortSignal; onStep: (step: TrainStep) => void }): Promise<TrainOutcome>;
}
