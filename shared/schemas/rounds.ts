/** What a round leaves besides its dataset: how the pairs were made, how training went, which checkpoint was promoted. */
import { z } from "zod";
import { Selection } from "./report.ts";
import { Checkpoint } from "./rows.ts";

/** The outcome of `pair`: how many pairs, and every reason why possible ones are not among them. */
export const Pairing = z.strictObject({
  samples: z.int().min(0),
  paired: z.int().min(0),
  pairs: z.int().min(0),
  dropped: z.record(z.string(), z.int()),
  /** Mean words of the kept pairs' sides; null without pairs. */
  meanChosenWords: z.number().nullable(),
  meanRejectedWords: z.number().nullable(),
  /** The length balance's whole table and the ratio it chose; null when the config switches it off (rlaifv-spec R6). */
  balance: z
    .strictObject({
      ratio: z.number().nullable(),
      table: z.array(
        z.strictObject({
          ratio: z.number(),
          kept: z.int().min(0),
          meanChosenWords: z.number().nullable(),
          meanRejectedWords: z.number().nullable(),
          objective: z.number().nullable(),
        }),
      ),
    })
    .nullable(),
});
export type Pairing = z.infer<typeof Pairing>;

export const TrainStepRecord = z.strictObject({
  step: z.int(),
  steps: z.int(),
  epoch: z.number(),
  loss: z.number(),
  chosenReward: z.number(),
  rejectedReward: z.number(),
  margin: z.number(),
  accuracy: z.number(),
  learningRate: z.number(),
});

export const Training = z.discriminatedUnion("outcome", [
  z.strictObject({ outcome: z.literal("too_few_pairs"), pairs: z.int().min(0), needed: z.int().min(0) }),
  z.strictObject({
    outcome: z.literal("trained"),
    pairsUsed: z.int().min(0),
    pairsDropped: z.record(z.string(), z.int()),
    seconds: z.number().min(0),
    steps: z.array(TrainStepRecord),
    checkpoints: z.array(Checkpoint).min(1),
  }),
]);
export type Training = z.infer<typeof Training>;

/** What `select` decided, and the checkpoint that is the policy from then on; null: the round's starting policy stays. */
export const RoundSelection = z.strictObject({ checkpoint: Checkpoint.nullable(), selection: Selection });
export type RoundSelection = z.infer<typeof RoundSelection>;
