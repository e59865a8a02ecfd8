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
import { type Progress, reportWhenDone, type WorkerDeps } from "./deps.ts";
import { promotedUpTo, readConfig, readJson, readPairs, writeJson } from "./files.ts";
import { trainElsewhere } from "./gpu/train-call.ts";
import { spend } from "./money.ts";

export async function train(event: unknown, deps: WorkerDeps): Promise<{ accepted: true }> {
  const task = TrainInput.parse(event);
  reportWhenDone(task.token, workTraining(task, deps), deps);
  return { accepted: true };
}

/** Trains here, or asks a GPU function to: called again when that is done, it goes on from what was made. */
export async function workTraining(task: TrainInput, deps: WorkerDeps): Promise<Progress> {
  const config = await readConfig(deps.blobs, task.runId);
  const isControl = parsePassId(task.passId).purpose === "control";
  const work = isControl ? controlWork(task, config, deps) : await roundWork(task, config, deps);
  const training = await trainOnce(work, config, deps);
  return training === "waiting"
    ? { outcome: "waiting" }
    : { outcome: "done", output: resultOf(training, isControl, { ...task, config }) };
}

function resultOf(
  training: Training,
  isControl: boolean,
  { round, config }: { round: number; config: RunConfig },
): TrainResult {
  if (training.outcome === "too_few_pairs") return { trained: false, selectPasses: [] };
  if (isControl || config.evaluate?.selection === undefined) return { trained: true, selectPasses: [] };
  const compared = spreadOut(training.checkpoints, config.evaluate.checkpoints);
  return { trained: true, selectPasses: compared.map(({ step }) => selectPassId(round, step)) };
}

/** One training, wherever it is done. */
export type TrainWork = Pick<TrainJob, "base" | "name" | "outputPrefix" | "seed" | "config"> & {
  task: TrainInput;
  /** Where the result is kept. */
  key: string;
  pairs: () => Promise<Pair[]>;
};

async function roundWork(task: TrainInput, config: RunConfig, deps: WorkerDeps): Promise<TrainWork> {
  const { runId, round } = task;
  return {
    task,
    base: await promotedUpTo(deps.blobs, runId, round - 1),
    key: trainingKey(runId, round),
    pairs: () => readPairs(deps.blobs, runId, round),
    name: `${runId}-r${round}`,
    outputPrefix: `${roundPrefix(runId, round)}/checkpoints`,
    seed: seedFor(config.seed, round, "train"),
    config: trainPart(config),
  };
}

/** The base model on all rounds' chosen answers, once through, without the comparison: a yardstick (docs/embedded.md). */
function controlWork(task: TrainInput, config: RunConfig, deps: WorkerDeps): TrainWork {
  const { runId } = task;
  const pairs = async () => {
    const all: Pair[] = [];
    for (let round = 1; round <= config.rounds; round++) all.push(...(await readPairs(deps.blobs, runId, round)));
    return all;
  };
  return {
    task: { ...task, round: config.rounds },
    base: undefined,
    key: controlTrainingKey(runId),
    pairs,
    name: `${runId}-control`,
    outputPrefix: `${controlPrefix(runId)}/checkpoints`,
    seed: seedFor(config.seed, "control", "train"),
    config: { ...trainPart(config), dpoWeight: 0, sftWeight: 1, epochs: 1, checkpointsPerEpoch: 1 },
  };
}

function trainPart({ train: part }: RunConfig): TrainConfig {
  if (part === undefined) throw new Error("the run has no train part");
  return part;
}

/** The second time it gives back what the first one made. */
async function trainOnce(work: TrainWork, run: RunConfig, deps: WorkerDeps): Promise<Training | "waiting"> {
  const known = await readJson(deps.blobs, work.key, Training);
  if (known !== undefined) return known;
  const gpu = deps.gpu?.placement.ofTraining(work.config);
  const training =
    deps.gpu !== undefined && gpu !== undefined
      ? await trainElsewhere({ work, gpu, policy: run.policy }, { ...deps, gpu: deps.gpu })
      : await trainHere(work, run, deps);
  if (training !== "waiting") await writeJson(deps.blobs, work.key, training);
  return training;
}

async function trainHere(work: TrainWork, run: RunConfig, deps: WorkerDeps): Promise<Training> {
  const { task, key: _key, pairs, ...job } = work;
  const { runId, round } = task;
  if (deps.trainer === undefined) throw new Error(`run ${runId} asks for a trainer, and there is none here`);
  const { trainer } = deps;
  const whole = { ...job, pairs: await pairs(), baseModel: run.policy.model };
  const { result, seconds } = await spend({ runId, what: `${job.name}/train` }, deps, () =>
    trainer.train(whole, { signal: deps.signal, onStep: (step) => deps.emit({ kind: "training", round, step }) }),
  );
  return Training.parse(result.outcome === "trained" ? { ...result, seconds } : result);
}
