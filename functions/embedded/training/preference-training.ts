import { dpo, learningRateAt, type Schedule } from "../../../shared/stages/train.ts";
import { ADAM, type AdamState, adamState, adamStep } from "../autodiff/adam.ts";
import { cloneWeights, type Weights } from "../autodiff/weights.ts";
import { type PreferenceOptions, type PreferencePair, preferenceGraph } from "../model/preference-graph.ts";
import { randomOf, shuffled } from "../random.ts";

export type PreferenceConfig = PreferenceOptions & { learningRate: number; batchPairs: number };

/** One optimiser step. Rewards and logprobs are means over the batch, nats. */
export type PreferenceProgress = {
  step: number;
  loss: number;
  chosenReward: number;
  rejectedReward: number;
  margin: number;
  accuracy: number;
  chosenLogprob: number;
  rejectedLogprob: number;
  learningRate: number;
};

/** All that the next step depends on: with it training goes on as if it had never stopped. */
export type TrainingState = { weights: Weights; adam: AdamState };

export type PreferenceJob = {
  state: TrainingState;
  pairs: readonly PreferencePair[];
  config: PreferenceConfig;
  schedule: Schedule;
  seed: number;
};

/** Fresh optimiser for a copy of the weights, so that the reference stays as it is. */
export function startState(base: Weights): TrainingState {
  const weights = cloneWeights(base);
  const trained = Object.entries(weights).filter(([name]) => name.startsWith("text."));
  return { weights, adam: adamState(Object.fromEntries(trained)) };
}

/** The pairs of one step; every epoch has an order of its own, which follows from the seed alone. */
export function batchAt(
  { pairs, config, schedule, seed }: Omit<PreferenceJob, "state">,
  step: number,
): PreferencePair[] {
  const epoch = Math.floor(step / schedule.stepsPerEpoch);
  const first = (step % schedule.stepsPerEpoch) * config.batchPairs;
  return shuffled(randomOf("epoch", seed, epoch), pairs).slice(first, first + config.batchPairs);
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

function progressOf(
  batch: readonly PreferencePair[],
  logprobs: { chosen: number[]; rejected: number[] },
  beta: number,
) {
  const figures = batch.map((pair, i) =>
    dpo(
      {
        policyChosen: logprobs.chosen[i]!,
        policyRejected: logprobs.rejected[i]!,
        referenceChosen: pair.referenceChosen,
        referenceRejected: pair.referenceRejected,
      },
      beta,
    ),
  );
  return {
    chosenReward: mean(figures.map(({ chosenReward }) => chosenReward)),
    rejectedReward: mean(figures.map(({ rejectedReward }) => rejectedReward)),
    margin: mean(figures.map(({ margin }) => margin)),
    accuracy: mean(figures.map(({ accuracy }) => accuracy)),
    chosenLogprob: mean(logprobs.chosen),
    rejectedLogprob: mean(logprobs.rejected),
  };
}

/** Runs the steps that are left, one at a time; the state changes in place. Stop between two of them to save. */
export async function* preferenceSteps(job: PreferenceJob): AsyncGenerator<PreferenceProgress> {
  const { state, config, schedule } = job;
  const graph = await preferenceGraph(config.batchPairs);
  try {
    while (state.adam.steps < schedule.steps) {
      const step = state.adam.steps;
      const batch = batchAt(job, step);
      const { loss, gradients, ...logprobs } = await graph.step(state.weights, batch, config);
      const learningRate = learningRateAt(step, schedule, config.learningRate);
      adamStep(state.weights, gradients, state.adam, { ...ADAM, learningRate });
      yield { step: step + 1, loss, ...progressOf(batch, logprobs, config.beta), learningRate };
    }
  } finally {
    await graph.release();
  }
}
