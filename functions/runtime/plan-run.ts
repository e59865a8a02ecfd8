/** Checks everything a run needs before it starts: data, models, money. Nothing is computed or paid but one probe per server. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { z } from "zod";
import { type Estimate, estimateRun } from "../../shared/budget/estimate.ts";
import type { AmberRunWords } from "../../shared/evaluation/amber/run-bench.ts";
import { sharedImages } from "../../shared/evaluation/splits.ts";
import { canonicalJson, contentHash } from "../../shared/ids.ts";
import { readLines } from "../../shared/jsonl.ts";
import { manifestKey } from "../../shared/keys.ts";
import { type BlobStore, contentKey } from "../../shared/ports/blob-store.ts";
import type { EngineInfo } from "../../shared/ports/engine.ts";
import type { DataRef, ModelRef, RunConfig } from "../../shared/schemas/config.ts";
import type { PlannedModel, RunPlan } from "../../shared/schemas/plan.ts";
import { Submitted } from "../../shared/schemas/sample.ts";
import { knowsImage } from "../embedded/image-check.ts";
import { EvaluationError } from "../evals/problems.ts";
import { withTruth } from "../evals/run-truth.ts";
import type { BadRow } from "../intake/bad-row.ts";
import { manifestDigest, readManifest } from "../intake/manifest.ts";
import { plural } from "../report/format.ts";
import type { World } from "./world.ts";

export type CheckedData = { samples: Submitted[]; bad: BadRow[] };
export type PlannedRun = {
  plan: RunPlan;
  config: RunConfig;
  parts: Record<"data" | "selection" | "evaluation", Submitted[]>;
  /** The words of the run's benchmark, where it has words of its own. */
  benchWords?: AmberRunWords;
};

const SHOWN_BAD_ROWS = 20;
const LOOKED_AT_IMAGES = 20; // our choice: enough to tell whose world they are of
const Package = z.object({ version: z.string() });

export async function planRun(config: RunConfig, world: World, options: { strict: boolean }): Promise<PlannedRun> {
  const empty: CheckedData = { samples: [], bad: [] };
  const read = (ref: DataRef | undefined) => (ref === undefined ? empty : checkData(ref, world, options));
  const data = await read(config.data);
  const selection = await read(config.evaluate?.selection);
  const evaluation = await read(config.evaluate?.data);
  refuseOverlap(selection.samples, evaluation.samples);
  const truth = await withTruth(
    config.evaluate,
    { selection: selection.samples, evaluation: evaluation.samples },
    world,
  );
  const models = await describeModels(config, world);
  const estimate = estimateRun(config, data.samples.length);
  const bad = [...data.bad, ...selection.bad, ...evaluation.bad];
  const digest = manifestDigest(
    [data, selection, evaluation].flatMap(({ samples }) => samples.map(({ sampleId }) => sampleId)),
  );
  const warnings = [
    ...models.flatMap(({ warnings: own }) => own),
    ...estimate.unpriced.map(
      (model) => `${model} has no price in the config: its cost counts as 0 and the budget cannot hold it`,
    ),
    ...(estimate.gpu?.warnings ?? []),
    ...(await strangerWarnings(config, data.samples, world)),
    ...truth.warnings,
    ...roundWarnings(config, data.samples.length),
    ...trainedOnWarnings(data.samples, { selection: selection.samples, evaluation: evaluation.samples }),
  ];
  const plan: RunPlan = {
    runId: runIdOf(config, { manifest: digest, truth: truth.digest }),
    rounds: config.rounds,
    samples: { data: data.samples.length, selection: selection.samples.length, evaluation: evaluation.samples.length },
    trains: config.train !== undefined,
    models: models.map(({ warnings: _, ...model }) => model),
    badRows: { count: bad.length, first: bad.slice(0, SHOWN_BAD_ROWS).map(({ outcome: _, ...row }) => row) },
    estimate: plannedEstimate(estimate),
    warnings: [...new Set(warnings)],
    codeVersion: codeVersion(),
    manifestDigest: digest,
  };
  const words = truth.words === undefined ? {} : { benchWords: truth.words };
  return { plan, config, parts: { data: data.samples, ...truth.splits }, ...words };
}

/** What chose the checkpoint looks better there than it is: such pictures must not be in the reported figures. */
function refuseOverlap(selection: readonly Submitted[], evaluation: readonly Submitted[]): void {
  const both = sharedImages(selection, evaluation);
  if (both.length === 0) return;
  throw new EvaluationError(
    `evaluate.selection shares ${plural(both.length, "picture")} with evaluate.data (the first: ${both[0]!.image.path}): what chooses a checkpoint must not report it`,
    "take them out of one of the two; without a selection split the last checkpoint is promoted",
  );
}

/** Told, not refused: people may want to see what training on the very pictures brings. */
function trainedOnWarnings(data: readonly Submitted[], splits: Record<string, readonly Submitted[]>): string[] {
  return Object.entries(splits).flatMap(([split, samples]) => {
    const both = sharedImages(samples, data);
    if (both.length === 0) return [];
    return [
      `the ${split} split shares ${plural(both.length, "picture")} with the training data (the first: ${both[0]!.image.path}): its figures tell less about new pictures`,
    ];
  });
}

function plannedEstimate({ stages, usdMicros, gpu }: Estimate): RunPlan["estimate"] {
  if (gpu === undefined) return { stages, usdMicros };
  const busy = gpu.stages.reduce((sum, stage) => sum + stage.containerSeconds, 0);
  const containerSeconds = busy + gpu.starts.containerSeconds;
  const trainSeconds = gpu.training?.containerSeconds ?? 0;
  return { stages, usdMicros, gpu: { containerSeconds, trainSeconds, wallSeconds: gpu.wallSeconds } };
}

/** What was asked for, without where the files lie and without what may change while it is done. */
function askedFor(config: RunConfig) {
  const { data: _data, budgetUsd: _budget, maxConcurrentShards: _shards, evaluate, ...rest } = config;
  const { data: _d, selection: _s, coco: _c, amber: _a, ...rule } = evaluate ?? { data: undefined };
  return { rest, rule };
}

/** The same config, data, truth and code are the same run, wherever the files lie. */
export function runIdOf(config: RunConfig, digests: { manifest: string; truth: string | undefined }): string {
  const truth = digests.truth === undefined ? {} : { truth: digests.truth };
  const content = { ...askedFor(config), manifestDigest: digests.manifest, code: codeVersion(), ...truth };
  return `${config.name}-${contentHash(content).slice(0, 8)}`;
}

export function codeVersion(): string {
  return Package.parse(JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"))).version;
}

/** A config's digest for lineage: the same wherever the files lie, and whatever the budget. */
export function configDigest(config: RunConfig): string {
  return createHash("sha256")
    .update(canonicalJson(askedFor(config)))
    .digest("hex");
}

async function checkData(
  ref: DataRef,
  { blobs }: Pick<World, "blobs">,
  { strict }: { strict: boolean },
): Promise<CheckedData> {
  const checked: CheckedData = { samples: [], bad: [] };
  if ("manifest" in ref) return sentManifest(ref.manifest, blobs);
  for await (const row of readManifest(ref, { blobs, strict })) {
    if (row.outcome === "sample") checked.samples.push(row.sample);
    else checked.bad.push(row);
  }
  return checked;
}

/** What a client sent was checked when it came; its bad rows were told then. */
async function sentManifest(manifestId: string, blobs: Pick<BlobStore, "stream">): Promise<CheckedData> {
  const samples: Submitted[] = [];
  for await (const record of readLines(blobs, manifestKey(manifestId))) samples.push(Submitted.parse(record));
  return { samples, bad: [] };
}

type Described = PlannedModel & { warnings: string[] };

async function describeModels(config: RunConfig, { models }: World): Promise<Described[]> {
  const roles: [string, ModelRef][] = [
    ["policy", config.policy],
    ["divider", config.divider],
    ["questioner", config.questioner],
    ...config.labelers.map((labeler, index): [string, ModelRef] => [`labeler/${index}`, labeler]),
  ];
  return Promise.all(
    roles.map(async ([role, model]) => {
      const { info } = await models.bind(model, undefined);
      return {
        role,
        engine: info.name,
        model: model.model,
        revision: info.revision,
        logprobs: info.logprobs,
        structuredOutput: info.structuredOutput,
        warnings: warningsOf(role, model, info),
      };
    }),
  );
}

function warningsOf(role: string, model: ModelRef, info: EngineInfo): string[] {
  if (model.engine === "embedded") return []; // its warning depends on the pictures: see strangerWarnings
  const own = info.warnings.map((warning) => `${role} ${model.model}: ${warning}`);
  if (!role.startsWith("labeler") || info.logprobs) return own;
  return [...own, `${role} ${model.model} returns no logprobs: it cannot score claims; choose another labeler`];
}

/** The embedded engine knows only its own world of pictures. */
async function strangerWarnings(
  config: RunConfig,
  samples: readonly Submitted[],
  { blobs }: Pick<World, "blobs">,
): Promise<string[]> {
  if (config.policy.engine !== "embedded" && config.labelers.every(({ engine }) => engine !== "embedded")) return [];
  let strangers = 0;
  const looked = samples.slice(0, LOOKED_AT_IMAGES);
  for (const { image } of looked) {
    const bytes = await blobs.read(contentKey(image.sha256));
    if (bytes !== undefined && !(await knowsImage(bytes))) strangers++;
  }
  if (strangers === 0) return [];
  return [
    `${strangers} of the first ${looked.length} images are not of the embedded engine's world: what it says about them means nothing; "rlaifv init --photos DIR" writes a config for real photographs`,
  ];
}

function roundWarnings(config: RunConfig, samples: number): string[] {
  const warnings: string[] = [];
  if (config.train === undefined && config.rounds > 1) {
    warnings.push(
      `${config.rounds} rounds without a trainer: every round asks the same policy; use rounds: 1 or add a train part`,
    );
  }
  if (config.roundData === "split" && samples < config.rounds) {
    warnings.push(`${samples} samples for ${config.rounds} rounds: some rounds have none`);
  }
  return warnings;
}
