/** The embedded engine's models, and the settings of a run on them. */
import { ModelRef, RunConfig } from "../../shared/schemas/config.ts";

const embedded = (model: string): ModelRef => ModelRef.parse({ engine: "embedded", model });

export const EMBEDDED = {
  policy: embedded("embedded/policy"),
  divider: embedded("embedded/divider"),
  questioner: embedded("embedded/questioner"),
  labelers: [embedded("embedded/labeler")],
};

/** What the small model's loop was tuned to, on tuning scenes (docs/embedded.md); the paper's own values suit 7B models. */
const RECIPE = {
  generate: { candidates: 10, temperature: 1, maxTokens: 48 },
  pair: { mode: "strict", perSample: 4, balance: false, equalClaims: true, disjoint: true, runningWordDebt: 2 },
  train: { trainer: "embedded", beta: 0.1, learningRate: 2e-4, epochs: 2, batchPairs: 16, sftWeight: 0.3 },
  shardSamples: 40,
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
    evaluate: { bench: "scenes", data: { path: evaluation }, selection: { path: selection }, sftControl: true },
    budgetUsd: 1,
  });
}
