/** From what a client asked for to an evaluation that can run: its bench, its items, who answers and who judges. */
import { parseGate } from "../../shared/evaluation/gate.ts";
import { objectHalbench } from "../../shared/evaluation/object-halbench/object-halbench.ts";
import { ObjectTruth, unknownObjects } from "../../shared/evaluation/object-halbench/run-bench.ts";
import { COCO_VOCABULARY } from "../../shared/evaluation/object-halbench/vocabulary.ts";
import { readLines } from "../../shared/jsonl.ts";
import { manifestKey, samplesKey } from "../../shared/keys.ts";
import type { BlobStore } from "../../shared/ports/blob-store.ts";
import type { StateStore } from "../../shared/ports/state-store.ts";
import type { ModelRef } from "../../shared/schemas/config.ts";
import type { BenchName, EvaluationAnswer } from "../../shared/schemas/evaluation.ts";
import type { EvaluationRequest } from "../../shared/schemas/evaluation-job.ts";
import type { Checkpoint } from "../../shared/schemas/rows.ts";
import { Submitted } from "../../shared/schemas/sample.ts";
import { promotedUpTo, readConfig, readScored } from "../workers/files.ts";
import type { BenchOptions, OpenedBench } from "./bench.ts";
import { readAnswers } from "./files.ts";
import { TAGGER_NAME, winkTagger } from "./object-halbench/wink.ts";
import { openedScenes, sceneItem } from "./open-scenes.ts";
import { EvaluationError } from "./problems.ts";
import { benchEntry } from "./registry.ts";
import type { AnswerSource, EvaluationPlan, JudgeSource } from "./run.ts";

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

type Opened = { opened: OpenedBench; answers: AnswerSource };

async function openedFor(request: EvaluationRequest, deps: PlanDeps): Promise<Opened> {
  const { run, items } = request;
  if (run !== undefined && items === undefined) {
    const own = await ownAnswers({ bench: request.bench, ...run }, deps);
    if (own !== undefined) return own;
  }
  return { opened: await openBench(request, deps), answers: await answersOf(request, deps) };
}

async function openBench({ bench, items, seed, count }: EvaluationRequest, deps: PlanDeps): Promise<OpenedBench> {
  if (items === undefined) return benchEntry(bench).open({ ...(await deps.files(bench)), seed, count }, deps);
  const samples = await samplesIn(manifestKey(items.manifest), deps.blobs);
  if (samples === undefined) {
    const problem = `there is no manifest ${items.manifest}`;
    throw new RequestRefused("items.manifest", { problem, fix: "send its rows with POST /v1/manifests" });
  }
  return openedSamples(bench, samples);
}

async function samplesIn(key: string, blobs: BlobStore): Promise<Submitted[] | undefined> {
  if ((await blobs.read(key, { offset: 0, length: 1 })) === undefined) return undefined;
  const samples: Submitted[] = [];
  for await (const record of readLines(blobs, key)) samples.push(Submitted.parse(record));
  return samples;
}

/** Only benches whose truth stands in a sample's own metadata can be made of samples. */
function openedSamples(bench: BenchName, samples: readonly Submitted[]): OpenedBench {
  if (bench === "scenes") return openedScenes(samples.map(sceneItem), { settings: {}, notes: [] });
  if (bench === "object-halbench") return openedObjects(samples);
  throw new RequestRefused("items", {
    problem: `${bench} has items of its own, and takes no manifest`,
    fix: "leave items out, or choose scenes or object-halbench",
  });
}

function openedObjects(samples: readonly Submitted[]): OpenedBench {
  const items = samples.map(({ sampleId, image, question, metadata }) => {
    const told = ObjectTruth.safeParse(metadata);
    const unknown = told.success ? unknownObjects(told.data.objects) : [];
    if (!told.success || unknown.length > 0) {
      const what = told.success ? `"${unknown[0]}" stands for none of COCO's 80 classes` : "it is no list of words";
      throw new RequestRefused("items.manifest", {
        problem: `the row of ${image.path}: objects: ${what}`,
        fix: 'give every row "objects": ["dog", …]',
      });
    }
    const truth = [...new Set(told.data.objects.map((word) => COCO_VOCABULARY.classOf.get(word)!))].sort();
    return { itemId: sampleId, image: image.sha256, question, truth: { strict: truth, parity: truth } };
  });
  const bench = objectHalbench({ extraction: { by: "wink" }, tagger: winkTagger() });
  return {
    bench: bench as OpenedBench["bench"],
    items,
    settings: { extraction: "wink", tagger: TAGGER_NAME, synonyms: "own" },
    notes: ["What is in the pictures is told by the items themselves, not by COCO's annotations."],
    readAnswers,
  };
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
  const { id, round } = run!;
  const { config, checkpoint } = await roundOf({ id, round }, deps);
  return { kind: "model", ref: config.policy, checkpoint, images: (await deps.files(bench)).images };
}

async function roundOf({ id, round }: { id: string; round: number }, { store, blobs }: PlanDeps) {
  if ((await store.runs.get(id)) === undefined) {
    throw new RequestRefused("run.id", { problem: `there is no run "${id}"`, fix: "GET /v1/runs lists the runs" });
  }
  const config = await readConfig(blobs, id);
  if (round > config.rounds) {
    const problem = `run ${id} has ${config.rounds} rounds`;
    throw new RequestRefused("run.round", { problem, fix: "give a round that it has; 0 is its base model" });
  }
  return { config, checkpoint: await promotedUpTo(blobs, id, round) };
}

/** The greedy answers the run gave on its own reported split; nobody is asked again. `undefined`: it has none of this bench. */
async function ownAnswers(
  { bench, id, round }: { bench: BenchName; id: string; round: number },
  deps: PlanDeps,
): Promise<Opened | undefined> {
  const { config, checkpoint } = await roundOf({ id, round }, deps);
  if (config.evaluate?.bench !== bench) return undefined;
  const scored = await readScored(deps, id, `${round}.greedy`);
  if (scored.length === 0) return undefined;
  const samples = (await samplesIn(samplesKey(id, "evaluation"), deps.blobs)) ?? [];
  const known =
    bench === "scenes" ? samples : samples.filter(({ metadata }) => ObjectTruth.safeParse(metadata).success);
  const items = new Set(known.map(({ sampleId }) => sampleId));
  const answers = scored
    .filter(({ sampleId }) => items.has(sampleId))
    .map(({ sampleId, candidates }): EvaluationAnswer => ({ itemId: sampleId, text: candidates[0]?.text ?? null }));
  const told = {
    source: `stored answers of run ${id}, round ${round}, greedy`,
    model: checkpoint?.id ?? config.policy.model,
    revision: checkpoint?.sha256 ?? null,
  };
  return { opened: openedSamples(bench, known), answers: { kind: "stored", answers, told } };
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
