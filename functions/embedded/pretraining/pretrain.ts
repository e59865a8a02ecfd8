import { adamState, adamStep } from "../autodiff/adam.ts";
import { cloneWeights, type Weights } from "../autodiff/weights.ts";
import { pretrainingGraph } from "../model/pretraining-graph.ts";
import { batchSource } from "./batch-source.ts";
import { BATCH } from "./batches.ts";
import { cellWeight, learningRate, PRETRAINING_ADAM, type Stage } from "./plan.ts";

export type Progress = { stage: string; step: number; textLoss: number; cellLoss: number; gradientNorm: number };

const SMOOTHING = 0.98; // of the losses shown, per step

const learnsFirst = (name: string): boolean => name.startsWith("vision.") || name === "text.embedding";

/** Trains weights stage by stage; each call continues from a copy, so that one trunk can have two children. */
export async function pretrainer({ seed }: { seed: number }) {
  const graph = await pretrainingGraph(BATCH);
  const batches = batchSource();

  /** `firstStep` numbers the stage's batches, so that stages never see the same scenes. */
  async function train(
    from: Weights,
    stage: Stage,
    firstStep: number,
    report: (progress: Progress, now: Weights) => Promise<void>,
  ) {
    const weights = cloneWeights(from);
    const state = adamState(weights);
    const shown = { textLoss: 0, cellLoss: 0 };
    const draw = (step: number) => batches.draw({ seed, step: firstStep + step, mix: stage.mix });
    let next = draw(0);
    for (let step = 0; step < stage.steps; step++) {
      const batch = await next;
      next = draw(step + 1);
      const { gradients, textLoss, cellLoss } = await graph.step(weights, batch, cellWeight(stage, step));
      const chosen =
        step < stage.visionFirst
          ? Object.entries(gradients).filter(([name]) => learnsFirst(name))
          : Object.entries(gradients);
      const options = { ...PRETRAINING_ADAM, learningRate: learningRate(stage, step) };
      const gradientNorm = adamStep(weights, Object.fromEntries(chosen), state, options);
      const keep = step === 0 ? 0 : SMOOTHING;
      shown.textLoss = keep * shown.textLoss + (1 - keep) * textLoss;
      shown.cellLoss = keep * shown.cellLoss + (1 - keep) * cellLoss;
      await report({ stage: stage.name, step: step + 1, ...shown, gradientNorm }, weights);
    }
    await next;
    return weights;
  }
  return { train, release: async () => Promise.all([graph.release(), batches.close()]) };
}
