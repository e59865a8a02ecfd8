/** What a run's round promoted, as an evaluation needs it: who answers, and the answers that the run stored itself. */
import { join, resolve } from "node:path";
import { AmberTruth } from "../../shared/evaluation/amber/run-bench.ts";
import { ObjectTruth } from "../../shared/evaluation/object-halbench/run-bench.ts";
import { samplesKey, selectionKey } from "../../shared/keys.ts";
import type { BlobStore } from "../../shared/ports/blob-store.ts";
import type { StateStore } from "../../shared/ports/state-store.ts";
import type { RunBenchName, RunConfig } from "../../shared/schemas/config.ts";
import type { BenchName, EvaluationAnswer } from "../../shared/schemas/evaluation.ts";
import { RoundSelection } from "../../shared/schemas/rounds.ts";
import type { Checkpoint, RunRow } from "../../shared/schemas/rows.ts";
import type { Scored, Submitted } from "../../shared/schemas/sample.ts";
import { promotedUpTo, readConfig, readJson, readScored } from "../workers/files.ts";
import type { OpenedBench } from "./bench.ts";
import { openedAmber, openedSamples, samplesIn } from "./open-samples.ts";
import { EvaluationError } from "./problems.ts";
import type { AnswerSource } from "./run.ts";
import { amberWordsOf } from "./run-bench.ts";

export type RoundModel = {
  runId: string;
  /** 0 is the base model. */
  round: number;
  config: RunConfig;
  /** Undefined: up to this round the base model was not replaced. */
  checkpoint: Checkpoint | undefined;
};

type World = { store: Pick<StateStore, "shards">; blobs: BlobStore };

/**
 * The model after a round; without a number, after the last round that chose one.
 * @throws EvaluationError for a round that has not ended
 */
export async function roundModel(
  { runId }: Pick<RunRow, "runId">,
  round: number | undefined,
  { blobs }: Pick<World, "blobs">,
): Promise<RoundModel> {
  const config = await readConfig(blobs, runId);
  const last = await lastRound(runId, config, blobs);
  const asked = round ?? last;
  if (asked > last) {
    throw new EvaluationError(
      `round ${asked} of run ${runId} has not chosen a checkpoint; ${last === 0 ? "none has so far" : `the last that has is ${last}`}`,
      `give round 0 (the base) to ${last}, or wait`,
    );
  }
  return { runId, round: asked, config, checkpoint: await promotedUpTo(blobs, runId, asked) };
}

async function lastRound(runId: string, { rounds }: RunConfig, blobs: World["blobs"]): Promise<number> {
  for (let round = rounds; round >= 1; round--) {
    if ((await readJson(blobs, selectionKey(runId, round), RoundSelection)) !== undefined) return round;
  }
  return 0;
}

/** `runs/<id>/evaluations/<round>/<bench>` below the data folder. */
export const roundFolder = (dataDir: string, { runId, round }: RoundModel, bench: BenchName): string =>
  join(resolve(dataDir), "runs", runId, "evaluations", String(round), bench);

/** The model itself, through its run's engine. */
export const askingRound = ({ config, checkpoint }: RoundModel, images: string | undefined): AnswerSource => ({
  kind: "model",
  ref: config.policy,
  checkpoint,
  images,
});

export type OwnAnswers = { opened: OpenedBench; answers: AnswerSource };

/**
 * The answers the run gave on its own reported split, each greedily decoded: nobody is asked again. Undefined where the
 * run's bench is another one, or the round was not measured. A sample that was parked is missing; one whose picture
 * nothing is known of is left out, and told.
 */
export async function ownAnswers(bench: BenchName, model: RoundModel, world: World): Promise<OwnAnswers | undefined> {
  const { runId, round, config, checkpoint } = model;
  const own = config.evaluate?.bench;
  if (own === undefined || own !== bench) return undefined;
  const scored = await readScored(world, runId, `${round}.greedy`);
  if (scored.length === 0) return undefined;
  const samples = (await samplesIn(samplesKey(runId, "evaluation"), world.blobs)) ?? [];
  const truth = own === "amber" ? AmberTruth : ObjectTruth;
  const known = bench === "scenes" ? samples : samples.filter(({ metadata }) => truth.safeParse(metadata).success);
  const items = new Set(known.map(({ sampleId }) => sampleId));
  const told = {
    source: `stored answers of run ${runId}, round ${round}, greedy`,
    model: checkpoint?.id ?? config.policy.model,
    revision: checkpoint?.sha256 ?? null,
  };
  const answers = scored.filter(({ sampleId }) => items.has(sampleId)).map(answerOf);
  return {
    opened: noting(await openedOwn(own, known, { runId, blobs: world.blobs }), samples.length - known.length),
    answers: { kind: "stored", answers, told },
  };
}

const openedOwn = async (
  bench: RunBenchName,
  samples: readonly Submitted[],
  { runId, blobs }: { runId: string; blobs: BlobStore },
): Promise<OpenedBench> =>
  bench === "amber" ? openedAmber(samples, await amberWordsOf(runId, blobs)) : openedSamples(bench, samples);

const noting = (opened: OpenedBench, unknown: number): OpenedBench =>
  unknown === 0
    ? opened
    : { ...opened, notes: [...opened.notes, `${unknown} pictures nothing is known of were left out.`] };

const answerOf = ({ sampleId, candidates }: Scored): EvaluationAnswer => ({
  itemId: sampleId,
  text: candidates[0]?.text ?? null,
});
