import { contentHash } from "../../shared/ids.ts";
import { type BlobStore, contentKey } from "../../shared/ports/blob-store.ts";
import type { Trainer, TrainJob, TrainOutcome, TrainStep } from "../../shared/ports/trainer.ts";
import type { Pair } from "../../shared/schemas/pair.ts";
import { type Schedule, schedule } from "../../shared/stages/train.ts";
import { readSafetensors } from "./autodiff/safetensors.ts";
import type { Weights } from "./autodiff/weights.ts";
import { loadBuiltIn } from "./engine/models.ts";
import { checkWeights } from "./model/architecture.ts";
import { logprobGraph, type PreferencePair } from "./model/preference-graph.ts";
import { captionRow } from "./model/rows.ts";
import { encode } from "./model/tokenizer.ts";
import { type ImageTokens, visionGraph } from "./model/vision-graph.ts";
import { loadResume, type Saved, saveCheckpoint, saveResume } from "./training/checkpoints.ts";
import { type PreferenceProgress, preferenceSteps, startState } from "./training/preference-training.ts";
import { fromImage } from "./world/png.ts";

type Blobs = Pick<BlobStore, "read" | "write">;

/** Fewer pairs than this are no training set: one step on a handful would only add noise. Our choice. */
const FEWEST_PAIRS = 2;

/**
 * DPO on the embedded model (shared/stages/train.ts has the formulas): frozen reference logprobs, Adam, a seeded order,
 * vision untouched. Stopped at any moment, the same job again goes on from its newest checkpoint and ends in the same bytes.
 */
export function embeddedTrainer({ blobs }: { blobs: Blobs }): Trainer {
  return {
    async train(job, { signal, onStep }): Promise<TrainOutcome> {
      const { usable, dropped } = usablePairs(job.pairs);
      if (usable.length < FEWEST_PAIRS) return { outcome: "too_few_pairs", pairs: usable.length, needed: FEWEST_PAIRS };
      const base = await baseWeights(job, blobs);
      const plan = schedule({ ...job.config, pairs: usable.length });
      const told = { pairsUsed: usable.length, pairsDropped: dropped };
      const jobHash = contentHash({ ...job, pairs: usable.map(({ pairId }) => pairId) });
      const saved = (await loadResume(blobs, job.outputPrefix, jobHash)) ?? {
        state: startState(base),
        checkpoints: [],
        steps: [],
      };
      if (saved.state.adam.steps < plan.steps) {
        const prepared = await prepare({ pairs: usable, base, blobs, signal });
        await trainOn({ job, jobHash, plan, prepared, saved, blobs }, { signal, onStep });
      }
      return { outcome: "trained", checkpoints: saved.checkpoints, steps: saved.steps, ...told };
    },
  };
}

/** Pairs whose answers the model can write: it has a fixed vocabulary and length. What falls out is counted by reason. */
function usablePairs(pairs: readonly Pair[]): { usable: Pair[]; dropped: Record<string, number> } {
  const dropped: Record<string, number> = {};
  const usable = pairs.filter(({ chosen, rejected }) => {
    const strange = [chosen, rejected].some(
      ({ text }) => encode(text).unknown.length > 0 || encode(text).ids.length === 0,
    );
    if (strange) dropped["unknown_words"] = (dropped["unknown_words"] ?? 0) + 1;
    return !strange;
  });
  return { usable, dropped };
}

async function baseWeights({ base, baseModel }: TrainJob, blobs: Blobs): Promise<Weights> {
  if (!base) {
    if (baseModel !== "embedded/policy")
      throw new Error(`policy.model: the embedded trainer trains "embedded/policy", not "${baseModel}"`);
    return (await loadBuiltIn("policy")).weights;
  }
  const file = await blobs.read(base.key);
  if (!file) throw new Error(`checkpoint: "${base.key}" is gone; run the round that made it again`);
  return checkWeights(readSafetensors(file).weights, base.key);
}

type Preparation = { pairs: readonly Pair[]; base: Weights; blobs: Blobs; signal: AbortSignal };

/** The image tokens of every picture, by its hash. */
async function seePictures({ pairs, base, blobs, signal }: Preparation): Promise<Map<string, ImageTokens>> {
  const hashes = [...new Set(pairs.map(({ image }) => image.sha256))];
  const pictures = await Promise.all(
    hashes.map(async (hash) => {
      const bytes = await blobs.read(contentKey(hash));
      if (!bytes) throw new Error(`pairs: the picture ${hash} is not in the store`);
      return fromImage(bytes);
    }),
  );
  const vision = await visionGraph();
  const seen = await vision.see(base, pictures, signal).finally(vision.release);
  return new Map(hashes.map((hash, i) => [hash, seen[i]!]));
}

/** Rows of both answers, with the base's logprobs frozen beside them. */
async function prepare(preparation: Preparation): Promise<PreferencePair[]> {
  const { pairs, base, signal } = preparation;
  const images = await seePictures(preparation);
  const rows = pairs.flatMap(({ image, chosen, rejected }) =>
    [chosen, rejected].map(({ text }) => ({ image: images.get(image.sha256)!, row: captionRow(text) })),
  );
  const graph = await logprobGraph();
  const logprobs = await graph.measure(base, rows, signal).finally(graph.release);
  return pairs.map((_, i) => ({
    chosen: rows[2 * i]!,
    rejected: rows[2 * i + 1]!,
    referenceChosen: logprobs[2 * i]!,
    referenceRejected: logprobs[2 * i + 1]!,
  }));
}

type Training = {
  job: TrainJob;
  jobHash: string;
  plan: Schedule;
  prepared: readonly PreferencePair[];
  saved: Saved;
  blobs: Blobs;
};

/** Runs the steps that are left; `saved` grows with each. */
async function trainOn(
  { job, jobHash, plan, prepared, saved, blobs }: Training,
  options: Parameters<Trainer["train"]>[1],
): Promise<void> {
  const { state } = saved;
  for await (const progress of preferenceSteps({
    state,
    pairs: prepared,
    config: job.config,
    schedule: plan,
    seed: job.seed,
  })) {
    const step = stepOf(progress, plan);
    saved.steps.push(step);
    options.onStep(step);
    if (plan.saveSteps.includes(step.step)) {
      const at = { prefix: job.outputPrefix, name: job.name, step: step.step, epoch: step.epoch };
      saved.checkpoints.push(await saveCheckpoint(blobs, state.weights, at));
      await saveResume(blobs, job.outputPrefix, jobHash, saved);
    }
    options.signal.throwIfAborted();
  }
}

function stepOf({ chosenLogprob, rejectedLogprob, ...progress }: PreferenceProgress, plan: Schedule): TrainStep {
  return { ...progress, steps: plan.steps, epoch: progress.step / plan.stepsPerEpoch };
}
