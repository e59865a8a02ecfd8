/** DPO by numbers: what every trainer computes, checked against `golden/rlaifv.json`. Logprobs are natural, sums in nats. */

export type PairLogprobs = {
  policyChosen: number;
  policyRejected: number;
  referenceChosen: number;
  referenceRejected: number;
};

export type DpoFigures = {
  /** `-ln sigmoid(logit)`, > 0; ln 2 where policy and reference agree. */
  loss: number;
  /** `beta * ((policyChosen - policyRejected) - (referenceChosen - referenceRejected))`; the reward margin. */
  margin: number;
  chosenReward: number;
  rejectedReward: number;
  /** 1 when the chosen reward is strictly higher, else 0. */
  accuracy: 0 | 1;
  /** d loss / d policyChosen; that of the rejected answer is its negative. */
  gradient: number;
};

/** `1 / (1 + exp(-x))` without overflow. */
function sigmoid(x: number): number {
  if (x >= 0) return 1 / (1 + Math.exp(-x));
  const e = Math.exp(x);
  return e / (1 + e);
}

/** `ln(1 + exp(x))` without overflow. */
const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

/**
 * The DPO loss of one pair and what is reported beside it.
 * @param logprobs summed over each answer's tokens
 * @see Rafailov et al. 2023, eq. 7; RLAIF-V muffin/train/trainers.py
 */
export function dpo(logprobs: PairLogprobs, beta: number): DpoFigures {
  const chosenReward = beta * (logprobs.policyChosen - logprobs.referenceChosen);
  const rejectedReward = beta * (logprobs.policyRejected - logprobs.referenceRejected);
  const margin = chosenReward - rejectedReward;
  return {
    loss: softplus(-margin),
    margin,
    chosenReward,
    rejectedReward,
    accuracy: chosenReward > rejectedReward ? 1 : 0,
    gradient: -beta * sigmoid(-margin),
  };
}

export const IGNORED = -100; // the label of a position that is not part of the answer, as in PyTorch's cross-entropy

export type SequenceLogprobs = { perToken: number[]; mask: boolean[]; sum: number; count: number; average: number };

/**
 * Logprobs of labels under logits: the logits of position t score the label of position t + 1. Ignored labels keep their
 * place in `perToken`, scored as token 0, but count in no sum. `average` is NaN without a counted label.
 */
export function sequenceLogprobs(logits: readonly (readonly number[])[], labels: readonly number[]): SequenceLogprobs {
  const targets = labels.slice(1);
  const mask = targets.map((label) => label !== IGNORED);
  const perToken = targets.map((label, t) => logSoftmaxAt(logits[t]!, label === IGNORED ? 0 : label));
  const sum = perToken.reduce((total, logprob, t) => total + (mask[t] ? logprob : 0), 0);
  const count = mask.filter(Boolean).length;
  return { perToken, mask, sum, count, average: sum / count };
}

function logSoftmaxAt(logits: readonly number[], index: number): number {
  const max = Math.max(...logits);
  const sum = logits.reduce((total, logit) => total + Math.exp(logit - max), 0);
  return logits[index]! - max - Math.log(sum);
}

/** Lengths in tokens, as RLAIF-V's conversation template counts them: begin token in, end token out. */
export type RoundLengths = { prefix: number; round: number; total: number };

/**
 * Which tokens of a conversation are learned: the answer and its end (RLAIF-V muffin/train/train_utils.py). The prefix,
 * counted with its trailing space, is masked but for two tokens; where the counts do not fit together, nothing is learned.
 * @returns first and last index, both inclusive
 */
export function supervisedRange({ prefix, round, total }: RoundLengths): { first: number; last: number } | undefined {
  if (round + 1 !== total) return undefined;
  return { first: prefix - 1, last: total - 1 };
}

export type WeightedLogprobs = {
  perToken: readonly number[];
  mask: readonly (boolean | number)[];
  weights: readonly number[];
};

/** Logprobs with some tokens counting more (dense DPO of RLHF-V): the weighted sum, and it divided by the sum of weights. */
export function weightedLogprobs({ perToken, mask, weights }: WeightedLogprobs): { sum: number; average: number } {
  const counted = weights.map((weight, t) => (mask[t] ? weight : 0));
  const sum = counted.reduce((total, weight, t) => total + weight * perToken[t]!, 0);
  return { sum, average: sum / counted.reduce((total, weight) => total + weight, 0) };
}

export type ScheduleInput = {
  pairs: number;
  batchPairs: number;
  epochs: number;
  warmupShare: number;
  checkpointsPerEpoch: number;
};
export type Schedule = {
  stepsPerEpoch: number;
  steps: number;
  warmupSteps: number;
  /** Steps between checkpoints. */
  saveEvery: number;
  /** Steps after which a checkpoint is written; the last step always. */
  saveSteps: number[];
};

/** How many steps, and when to save. A last batch that is not full is a step. */
export function schedule({ pairs, batchPairs, epochs, warmupShare, checkpointsPerEpoch }: ScheduleInput): Schedule {
  const stepsPerEpoch = Math.ceil(pairs / batchPairs);
  const steps = Math.ceil(stepsPerEpoch * epochs);
  const saveEvery = Math.max(1, Math.floor(stepsPerEpoch / checkpointsPerEpoch));
  const saveSteps = Array.from({ length: Math.floor(steps / saveEvery) }, (_, i) => (i + 1) * saveEvery);
  if (saveSteps.at(-1) !== steps) saveSteps.push(steps);
  return { stepsPerEpoch, steps, warmupSteps: Math.ceil(steps * warmupShare), saveEvery, saveSteps };
}

/** Linear warm-up from 0, then half a cosine to 0 (RLAIF-V: `lr_scheduler_type cosine`, as in transformers). `step` counts from 0. */
export function learningRateAt(step: number, { steps, warmupSteps }: Schedule, peak: number): number {
  if (step < warmupSteps) return (peak * step) / warmupSteps;
  const progress = (step - warmupSteps) / Math.max(1, steps - warmupSteps);
  return Math.max(0, peak * 0.5 * (1 + Math.cos(Math.PI * progress)));
}
