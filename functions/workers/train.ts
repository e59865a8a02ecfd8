/** Trains one round on its pairs and reports, with the token, which checkpoints are to be compared. */
import { spreadOut } from "../../shared/evaluation/select.ts";
import { controlPrefix, controlTrainingKey, roundPrefix, trainingKey } from "../../shared/keys.ts";
import { parsePassId, selectPassId } from "../../shared/passes.ts";
import type { TrainJob } from "../../shared/ports/trainer.ts";
import { seedFor } from "../../shared/random.ts";
import type { RunConfig, TrainConfig } from "../../shared/schemas/config.ts";
import { TrainInput, type TrainResult } from "../../shared/schemas/loop.ts";
import type { Pair } from "../../shared/schemas/pair.ts";
import { Training } from "../../shared/schemas/rounds.ts";
import { reportWhenDone, type WorkerDeps } from "./deps.ts";
import { promotedUpTo, readConfig, readJson, readPairs, writeJson } from "./files.ts";
import { spend } from "./money.ts";

export async function train(event: unknown, deps: WorkerDeps): Promise<{ accepted: true }> {
  const { runId, round, passId, token } = TrainInput.parse(event);
  const config = await readConfig(deps.blobs, runId);
  const isControl = parsePassId(passId).purpose === "control";
  const work = isControl ? trainControl(runId, config, deps) : trainRound(runId, round, config, deps);
  reportWhenDone(token, work, deps);
  return { accepted: true };
}

async function trainRound(runId: string, round: number, config: RunConfig, deps: WorkerDeps): Promise<TrainResult> {
  const work = {
    base: await promotedUpTo(deps.blobs, runId, round - 1),
    key: trainingKey(runId, round),
    pairs: () => readPairs(deps.blobs, runId, round),
    name: `${runId}-r${round}`,
    outputPrefix: `${roundPrefix(runId, round)}/checkpoints`,
    seed: seedFor(config.seed, round, "train"),
    config: trainPart(config),
  };
  const training = await trainOnce({ runId, round, ...work }, config, deps);
  if (training.outcome === "too_few_pairs") return { trained: false, selectPasses: [] };
  if (config.evaluate?.selection === undefined) return { trained: true, selectPasses: [] };
  const compared = spreadOut(training.checkpoints, config.evaluate.checkpoints);
  return { trained: true, selectPasses: compared.map(({ step }) => selectPassId(round, step)) };
}

/** The base model on all rounds' chosen answers, once through, without the comparison: a yardstick (docs/embedded.md). */
async function trainControl(runId: string, config: RunConfig, deps: WorkerDeps): Promise<TrainResult> {
  const pairs = async () => {
    const all: Pair[] = [];
    for (let round = 1; round <= config.rounds; round++) all.push(...(await readPairs(deps.blobs, runId, round)));
    return all;
  };
  const work = {
    key: controlTrainingKey(runId),
    pairs,
    name: `${runId}-control`,
    outputPrefix: `${controlPrefix(runId)}/checkpoints`,
    seed: seedFor(config.seed, "control", "train"),
    config: { ...trainPart(config), dpoWeight: 0, sftWeight: 1, epochs: 1, checkpointsPerEpoch: 1 },
  };
  const training = await trainOnce({ runId, round: config.rounds, base: undefined, ...work }, config, deps);
  return { trained: training.outcome === "trained", selectPasses: [] };
}

function trainPart({ train: part }: RunConfig): TrainConfig {
  if (part === undefined) throw new Error("the run has no train part");
  return part;
}

type Work = Pick<TrainJob, "base" | "name" | "outputPrefix" | "seed" | "config"> & {
  runId: string;
  round: number;
  /** Where the result is kept. */
  key: string;
  pairs: () => Promise<Pair[]>;
};

/** The second time it gives back what the first one made. */
async function trainOnce(work: Work, run: RunConfig, deps: WorkerDeps): Promise<Training> {
  const { runId, round, key, pairs, ...job } = work;
  const known = await readJson(deps.blobs, key, Training);
  if (known !== undefined) return known;
  if (deps.trainer === undefined) throw new Error(`run ${runId} asks for a trainer, and there is none here`);
  const { trainer } = deps;
  const whole = { ...job, pairs: await pairs(), baseModel: run.policy.model };
  const { result, seconds } = await spend({ runId, what: `${job.name}/train` }, deps, () =>
    trainer.train(whole, { signal: deps.signal, onStep: (step) => deps.emit({ kind: "training", round, step }) }),
  );
  const training = Training.parse(result.outcome === "trained" ? { ...result, seconds } : result);
  await writeJson(deps.blobs, key, training);
  return training;
}
