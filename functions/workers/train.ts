/** Trains one round on its pairs and reports, with the token, which checkpoints are to be compared. */
import { roundPrefix, trainingKey } from "../../shared/keys.ts";
import { selectPassId } from "../../shared/passes.ts";
import { seedFor } from "../../shared/random.ts";
import type { RunConfig } from "../../shared/schemas/config.ts";
import { TrainInput, type TrainResult } from "../../shared/schemas/loop.ts";
import { Training } from "../../shared/schemas/rounds.ts";
import { reportWhenDone, type WorkerDeps } from "./deps.ts";
import { promotedUpTo, readConfig, readJson, readPairs, writeJson } from "./files.ts";
import { spend } from "./money.ts";

export async function train(event: unknown, deps: WorkerDeps): Promise<{ accepted: true }> {
  const { runId, round, token } = TrainInput.parse(event);
  reportWhenDone(token, trainRound(runId, round, deps), deps);
  return { accepted: true };
}

/** Does the round's training once; the second time it gives back what the first one made. */
export async function trainRound(runId: string, round: number, deps: WorkerDeps): Promise<TrainResult> {
  const config = await readConfig(deps.blobs, runId);
  const known = await readJson(deps.blobs, trainingKey(runId, round), Training);
  const training = known ?? (await trainOnce(runId, round, config, deps));
  if (training.outcome === "too_few_pairs") return { trained: false, selectPasses: [] };
  if (config.evaluate?.selection === undefined) return { trained: true, selectPasses: [] };
  const compared = training.checkpoints.slice(-config.evaluate.checkpoints);
  return { trained: true, selectPasses: compared.map(({ step }) => selectPassId(round, step)) };
}

async function trainOnce(runId: string, round: number, config: RunConfig, deps: WorkerDeps): Promise<Training> {
  if (config.train === undefined || deps.trainer === undefined) throw new Error(`run ${runId} has no trainer`);
  const trainer = deps.trainer;
  const trainConfig = config.train;
  const pairs = await readPairs(deps.blobs, runId, round);
  const base = await promotedUpTo(deps.blobs, runId, round - 1);
  const { result, seconds } = await spend({ runId, what: `${round}/train` }, deps, () =>
    trainer.train(
      {
        name: `${runId}-r${round}`,
        base,
        baseModel: config.policy.model,
        pairs,
        config: trainConfig,
        seed: seedFor(config.seed, round, "train"),
        outputPrefix: `${roundPrefix(runId, round)}/checkpoints`,
      },
      { signal: deps.signal, onStep: (step) => deps.emit({ kind: "training", round, step }) },
    ),
  );
  const training = Training.parse(result.outcome === "trained" ? { ...result, seconds } : result);
  await writeJson(deps.blobs, trainingKey(runId, round), training);
  return training;
}
