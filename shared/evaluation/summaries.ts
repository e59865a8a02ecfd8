/** The parts of a round's report that are plain sums of what the round made. */
import type { TrainOutcome, TrainStep } from "../ports/trainer.ts";
import type { Pair } from "../schemas/pair.ts";
import type { CurvePoint, PairingReport, TrainingReport } from "../schemas/report.ts";
import { countWords } from "./tally.ts";

const meanOf = (values: readonly number[]) =>
  values.length === 0 ? null : values.reduce((total, value) => total + value, 0) / values.length;

function pointOf(step: TrainStep): CurvePoint {
  return {
    step: step.step,
    epoch: step.epoch,
    loss: step.loss,
    margin: step.margin,
    accuracy: step.accuracy,
    chosen_reward: step.chosenReward,
    rejected_reward: step.rejectedReward,
    learning_rate: step.learningRate,
  };
}

/** Loss, margin and accuracy are means over the last quarter of the steps, the last quarter epoch or more. */
export function summarizeTraining(outcome: TrainOutcome, seconds: number): TrainingReport {
  if (outcome.outcome === "too_few_pairs")
    return { outcome: "too_few_pairs", pairs: outcome.pairs, needed: outcome.needed };
  const last = outcome.steps.slice(Math.floor(outcome.steps.length * 0.75));
  return {
    outcome: "trained",
    steps: outcome.steps.at(-1)?.step ?? 0,
    pairs_used: outcome.pairsUsed,
    pairs_dropped: outcome.pairsDropped,
    loss: meanOf(last.map(({ loss }) => loss)),
    reward_margin: meanOf(last.map(({ margin }) => margin)),
    reward_accuracy: meanOf(last.map(({ accuracy }) => accuracy)),
    curve: outcome.steps.map(pointOf),
    seconds,
  };
}

/** `dropped`: candidate pairs left out on the way, by reason. */
export function summarizePairs(pairs: readonly Pair[], dropped: Readonly<Record<string, number>>): PairingReport {
  return {
    samples: new Set(pairs.map(({ sampleId }) => sampleId)).size,
    chosen_words: meanOf(pairs.map(({ chosen }) => countWords(chosen.text))),
    rejected_words: meanOf(pairs.map(({ rejected }) => countWords(rejected.text))),
    dropped: { ...dropped },
  };
}
