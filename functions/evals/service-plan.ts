/** From what a client asked for to an evaluation that can run: its bench, its items, who answers and who judges. */
import { parseGate } from "../../shared/evaluation/gate.ts";
import { manifestKey } from "../../shared/keys.ts";
import type { BlobStore } from "../../shared/ports/blob-store.ts";
import type { StateStore } from "../../shared/ports/state-store.ts";
import type { ModelRef } from "../../shared/schemas/config.ts";
import type { BenchName } from "../../shared/schemas/evaluation.ts";
import type { EvaluationRequest } from "../../shared/schemas/evaluation-job.ts";
import type { Checkpoint } from "../../shared/schemas/rows.ts";
import type { BenchOptions, OpenedBench } from "./bench.ts";
import { askingRound, type OwnAnswers, ownAnswers, type RoundModel, roundModel } from "./of-run.ts";
import { isSampledBench, openedSamples, samplesIn } from "./open-samples.ts";
import { EvaluationError } from "./problems.ts";
import { benchEntry } from "./registry.ts";
import type { AnswerSource, EvaluationPlan, JudgeSource } from "./run.ts";
import { type FetchedBench, isFetchedBench, SOURCES } from "./sources.ts";

export type PlanDeps = {
  dataDir: string;
  store: StateStore;
  blobs: BlobStore;
  /** A served model of this name. */
  served: (id: string) => Promise<{ ref: ModelRef; checkpoint: Checkpoint | undefined } | undefined>;
  /** Models that may judge: those of the operator's configs. */
  judges: readonly ModelRef[];
  /** The files of a bench on this machine; nothing where there are none. */
  files: (bench: BenchName) => Promise<BenchFiles>;
};

export type BenchFiles = Pick<BenchOptions, "data" | "coco" | "references" | "images">;

/** A part of a request that is wrong, in the request's own words. */
export class RequestRefused extends EvaluationError {
  override name = "RequestRefused";
  readonly field: string;
  constructor(field: string, { problem, fix }: { problem: string; fix: string }) {
    super(problem, fix);
    this.field = field;
  }
}

export type ServicePlan = Omit<EvaluationPlan, "budgetUsd" | "account">;

/** @throws RequestRefused, and EvaluationError of the bench's files: nothing was asked or paid */
export async function planEvaluation(request: EvaluationRequest, deps: PlanDeps): Promise<ServicePlan> {
  const { mode, seed } = request;
  const { opened, answers } = await openedFor(request, deps);
  refuseGate(request, opened);
  refuseUnknownItems(answers, opened);
  const judge = judgeOf(request, deps.judges);
  return { opened, answers, judge, mode, seed, confidence: 0.95, resamples: 1000 };
}

async function openedFor(request: EvaluationRequest, deps: PlanDeps): Promise<OwnAnswers> {
  const { run, items } = request;
  if (run !== undefined && items === undefined) {
    const own = await ownAnswers(request.bench, await roundOf(run, deps), deps);
    if (own !== undefined) return own;
  }
  const opened = await openBench(request, deps);
  const answers = await answersOf(request, deps);
  refuseWithoutPictures(request.bench, { opened, answers });
  return { opened, answers };
}

async function openBench({ bench, items, seed, count }: EvaluationRequest, deps: PlanDeps): Promise<OpenedBench> {
  if (items === undefined) {
    const files = await deps.files(bench);
    refuseUnfetched(bench, files);
    return benchEntry(bench).open({ ...files, seed, count }, deps);
  }
  if (!isSampledBench(bench)) {
    throw new RequestRefused("items", {
      problem: `${bench} has items of its own, and takes no manifest`,
      fix: "leave items out, or choose scenes or object-halbench",
    });
  }
  const samples = await samplesIn(manifestKey(items.manifest), deps.blobs);
  if (samples === undefined) {
    const problem = `there is no manifest ${items.manifest}`;
    throw new RequestRefused("items.manifest", { problem, fix: "send its rows with POST /v1/manifests" });
  }
  return inField("items.manifest", async () => openedSamples(bench, samples));
}

/** Whatever is wrong there is told as the fault of this part of the request. */
async function inField<T>(field: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof EvaluationError)) throw error;
    throw new RequestRefused(field, { problem: error.message, fix: error.fix });
  }
}

/** Without which of its files a bench cannot be opened here; scenes makes its own. */
const NEEDED: Readonly<Record<FetchedBench, readonly (keyof BenchFiles)[]>> = {
  "object-halbench": ["data", "coco"],
  amber: ["data"],
  pope: ["data"],
  mmhal: ["data"],
  refomb: ["data", "references"],
};

function refuseUnfetched(bench: BenchName, files: BenchFiles): void {
  if (!isFetchedBench(bench) || NEEDED[bench].every((name) => files[name] !== undefined)) return;
  const items = isSampledBench(bench) ? ", or send items of your own with items.manifest" : "";
  throw new EvaluationError(
    `the files of ${bench} are not on the service's machine`,
    `run "rlaifv eval fetch ${bench}" on the service's machine${items}`,
  );
}

/** A model that cannot be shown the pictures would be asked for nothing. */
function refuseWithoutPictures(bench: BenchName, { opened, answers }: OwnAnswers): void {
  if (!isFetchedBench(bench) || opened.picture !== undefined) return;
  if (answers.kind !== "model" || answers.images !== undefined) return;
  const source = SOURCES[bench].find(({ pictures }) => pictures === true);
  const from = source?.url === null ? ` --from ${source.path}` : "";
  throw new EvaluationError(
    `the pictures of ${bench}, which a model must see, are not on the service's machine`,
    source === undefined
      ? "send stored answers: its pictures lie at the addresses that its questions name"
      : `run "rlaifv eval fetch ${bench} --pictures${from}" on the service's machine, or send stored answers`,
  );
}

async function answersOf(request: EvaluationRequest, deps: PlanDeps): Promise<AnswerSource> {
  const { answers, model, run, bench } = request;
  if (answers !== undefined) {
    return { kind: "stored", answers, told: { source: "answers sent to the service", model: null, revision: null } };
  }
  if (model !== undefined) {
    const served = await deps.served(model);
    const { images } = await deps.files(bench);
    if (served !== undefined) return { kind: "model", ref: served.ref, checkpoint: served.checkpoint, images };
    const fix = "GET /v1/models lists those that are served";
    throw new RequestRefused("model", { problem: `there is no model "${model}"`, fix });
  }
  return askingRound(await roundOf(run!, deps), (await deps.files(bench)).images);
}

async function roundOf({ id, round }: { id: string; round: number }, { store, blobs }: PlanDeps): Promise<RoundModel> {
  if ((await store.runs.get(id)) === undefined) {
    throw new RequestRefused("run.id", { problem: `there is no run "${id}"`, fix: "GET /v1/runs lists the runs" });
  }
  return inField("run.round", () => roundModel({ runId: id }, round, { blobs }));
}

function refuseGate({ gate }: EvaluationRequest, { bench }: OpenedBench): void {
  if (gate === undefined) return;
  const names = [...bench.figures.map(({ name }) => name), ...Object.keys(bench.extra([], "strict"))];
  const parsed = parseGate(gate, names);
  if (parsed.outcome === "invalid") throw new RequestRefused("gate", { problem: parsed.message, fix: "mend the gate" });
}

function refuseUnknownItems(answers: AnswerSource, { items }: OpenedBench): void {
  if (items.length === 0) {
    throw new RequestRefused("items", {
      problem: "the benchmark has no item",
      fix: "give a manifest with usable rows",
    });
  }
  if (answers.kind !== "stored") return;
  const known = new Set(items.map(({ itemId }) => itemId));
  const seen = new Set<string>();
  const twice = answers.answers.findIndex(({ itemId }) => seen.size === seen.add(itemId).size);
  if (twice >= 0) {
    const problem = `item "${answers.answers[twice]!.itemId}" has two answers`;
    throw new RequestRefused(`answers.${twice}.itemId`, { problem, fix: "keep one" });
  }
  const stranger = answers.answers.findIndex(({ itemId }) => !known.has(itemId));
  if (stranger < 0) return;
  throw new RequestRefused(`answers.${stranger}.itemId`, {
    problem: `item "${answers.answers[stranger]!.itemId}" is not in this benchmark`,
    fix: `name items of it, e.g. "${items[0]!.itemId}"`,
  });
}

function judgeOf({ judge, bench }: EvaluationRequest, judges: readonly ModelRef[]): JudgeSource {
  if (judge === undefined) {
    if (bench !== "mmhal" && bench !== "refomb") return { kind: "none" };
    const fix = 'name one of the service\'s models: {"judge": {"model": …}}';
    throw new RequestRefused("judge", { problem: `${bench} needs a judge`, fix });
  }
  const ref = judges.find(({ model }) => model === judge.model);
  if (ref !== undefined) return { kind: "model", ref, repetitions: judge.repetitions, temperature: judge.temperature };
  const names = [...new Set(judges.map(({ model }) => model))].join(", ");
  throw new RequestRefused("judge.model", {
    problem: `"${judge.model}" is none of the models that the operator has named`,
    fix: names === "" ? "start the service with a config that names the judge" : `use one of: ${names}`,
  });
}
