import { ADAM, type AdamOptions } from "../autodiff/adam.ts";
import type { Mix } from "./batches.ts";

/** One stretch of pretraining. The learning rate goes from `rate.from` to `rate.to` along half a cosine. */
export type Stage = {
  name: string;
  steps: number;
  mix: Mix;
  rate: { from: number; to: number };
  warmup: number;
  /** Weight of naming each cell's object, from the first to the last step. */
  cellWeight: { from: number; to: number };
  /** In the first steps only vision and the word embeddings learn: the text blocks need something to look at. */
  visionFirst: number;
};

/** Our choice, by the findings of docs/embedded.md; AdamW with a touch of decay. */
export const PRETRAINING_ADAM: AdamOptions = { ...ADAM, weightDecay: 0.02 };

/**
 * Questions first, since matching words with cells is learned from them; then captions. From this trunk two children: the
 * labeler learns questions only, the policy captions with their language prior. Steps and rates are our choice.
 */
export const STAGES = {
  matching: {
    name: "matching",
    steps: 1500,
    mix: { captions: 1, dense: 0.55 },
    rate: { from: 2e-3, to: 1.5e-3 },
    warmup: 150,
    cellWeight: { from: 1, to: 0.1 },
    visionFirst: 250,
  },
  describing: {
    name: "describing",
    steps: 2200,
    mix: { captions: 2, dense: 0.4 },
    rate: { from: 1.5e-3, to: 6e-4 },
    warmup: 20,
    cellWeight: { from: 0.1, to: 0.05 },
    visionFirst: 0,
  },
  policy: {
    name: "policy",
    steps: 1600,
    mix: { captions: 3, dense: 0.3 },
    rate: { from: 6e-4, to: 1e-5 },
    warmup: 20,
    cellWeight: { from: 0.05, to: 0.05 },
    visionFirst: 0,
  },
  labeler: {
    name: "labeler",
    steps: 800,
    mix: { captions: 0, dense: 0.2 },
    rate: { from: 6e-4, to: 1e-5 },
    warmup: 20,
    cellWeight: { from: 0.05, to: 0.05 },
    visionFirst: 0,
  },
} as const satisfies Record<string, Stage>;

export function learningRate({ steps, rate, warmup }: Stage, step: number): number {
  const cosine = 0.5 * (1 + Math.cos((Math.PI * step) / steps));
  return Math.min(1, (step + 1) / warmup) * (rate.to + (rate.from - rate.to) * cosine);
}

/** Falls along a straight line over the first half of the stage. */
export const cellWeight = ({ steps, cellWeight: { from, to } }: Stage, step: number): number =>
  from + (to - from) * Math.min(1, (2 * step) / steps);
