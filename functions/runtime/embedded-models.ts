/** The embedded engine's models, and the settings of a run on them. */
import { ModelRef, RunConfig } from "../../shared/schemas/config.ts";

const embedded = (model: string): ModelRef => ModelRef.parse({ engine: "embedded", model });

export const EMBEDDED = {
  policy: embedded("embedded/policy"),
  divider: embedded("embedded/divider"),
  questioner: embedded("embedded/questioner"),
  labelers: [embedded("embedded/labeler")],
};

/**
 * What the small model's loop was tuned to, on tuning scenes (docs/embedded.md). The paper's values stand where they work:
 * ten answers at temperature 0.7, beta 0.1; learning rate and epochs of a 7B model do not suit one of a million weights.
 */
const RECIPE = {
  generate: { candidates: 10, temperature: 0.7, maxTokens: 48 },
  pair: {
    mode: "strict",
    perSample: 4,
    balance: false,
    cleanChosen: true, // decided the result: without it the rounds taught malformed sentences (docs/embedded.md)
    claimSurplus: 1,
    meanWordSurplus: 1, // makes up for the words that leave with the inventions
    disjoint: true,
  },
  train: { trainer: "embedded", beta: 0.1, learningRate: 1e-4, epochs: 2, batchPairs: 16, sftWeight: 1 },
  shardSamples: 120,
  maxConcurrentShards: 1, // all shards share this machine's cores: one after the other is as fast, and its cost is exact
} as const;

export type EmbeddedRun = {
  name: string;
  seed: number;
  rounds: number;
  data: string;
  selection: string;
  evaluation: string;
};

/** A run on the embedded engine; `data`, `selection` and `evaluation` are manifests of its world. */
export function embeddedConfig({ data, selection, evaluation, ...run }: EmbeddedRun): RunConfig {
  return RunConfig.parse({
    ...run,
    ...EMBEDDED,
    ...RECIPE,
    data: { path: data },
    evaluate: {
      bench: "scenes",
      data: { path: evaluation },
      selection: { path: selection },
      checkpoints: 1,
      sftControl: true,
    },
    budgetUsd: 1,
  });
}
