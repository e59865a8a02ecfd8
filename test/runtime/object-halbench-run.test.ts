import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { winkTagger } from "../../functions/evals/object-halbench/wink.ts";
import { planEvaluation } from "../../functions/evals/service-plan.ts";
import { carryOut } from "../../functions/runtime/carry-out.ts";
import { createRun } from "../../functions/runtime/create-run.ts";
import { type Local, openLocal } from "../../functions/runtime/local.ts";
import { planRun } from "../../functions/runtime/plan-run.ts";
import { readScored } from "../../functions/workers/files.ts";
import { evaluate } from "../../shared/evaluation/evaluate.ts";
import { objectHalbench } from "../../shared/evaluation/object-halbench/object-halbench.ts";
import { COCO_VOCABULARY } from "../../shared/evaluation/object-halbench/vocabulary.ts";
import { metricsKey, reportKey } from "../../shared/keys.ts";
import { RunConfig } from "../../shared/schemas/config.ts";
import { EvaluationRequest } from "../../shared/schemas/evaluation-job.ts";
import { Metrics } from "../../shared/schemas/metrics.ts";
import { cocoFiles, type FixtureImage } from "../evals/object-halbench/coco-fixture.ts";
import { writeSmallRun } from "../support/small-run.ts";
import { tempFolder } from "../support/temp-folder.ts";

const MAIN = new URL("../../functions/cli/main.ts", import.meta.url).pathname;

type Row = { image: string; image_id?: number; objects?: string[]; scene: { objects: { class: string }[] } };

/** Gives the manifest's rows COCO numbers; the truth of those pictures as an annotator of COCO would have noted it. */
async function numbered(path: string, first: number): Promise<FixtureImage[]> {
  const rows = (await readFile(path, "utf8"))
    .trimEnd()
    .split("\n")
    .map((line): Row => JSON.parse(line));
  await writeFile(path, rows.map((row, at) => `${JSON.stringify({ ...row, image_id: first + at })}\n`).join(""));
  return rows.map(({ scene }, at) => {
    const named = scene.objects.flatMap((one) => COCO_VOCABULARY.classOf.get(one.class) ?? []);
    const classes = [...new Set(named)];
    return { id: first + at, classes, annotated: classes, captions: [], captionClasses: [] };
  });
}

async function writeAnnotations(folder: string, images: FixtureImage[]): Promise<string> {
  await mkdir(folder, { recursive: true });
  for (const [split, some] of [
    ["train", []],
    ["val", images],
  ] as const) {
    const { instances, captions } = cocoFiles(some, 1);
    await writeFile(join(folder, `instances_${split}2014.json`), instances);
    await writeFile(join(folder, `captions_${split}2014.json`), captions);
  }
  return folder;
}

const IGNORED = { emit: () => {}, signal: new AbortController().signal };

describe("a run that measures itself by Object HalBench", () => {
  let folder: Awaited<ReturnType<typeof tempFolder>>;
  let local: Local;
  let scenes: RunConfig;
  let coco: string;

  before(async () => {
    folder = await tempFolder("halbench");
    local = await openLocal({ dataDir: join(folder.path, "data"), env: {} });
    const path = await writeSmallRun(folder.path, { images: 12, rounds: 1, evaluation: 8 });
    scenes = RunConfig.parse(JSON.parse(await readFile(path, "utf8")));
    const manifest = (split: "report" | "tuning") => join(dirname(path), split, "manifest.jsonl");
    const images = [...(await numbered(manifest("report"), 100)), ...(await numbered(manifest("tuning"), 200))];
    coco = await writeAnnotations(join(folder.path, "annotations"), images);
  });
  after(async () => {
    await local.close();
    await folder[Symbol.asyncDispose]();
  });

  const byHalbench = (more: object = {}): RunConfig =>
    RunConfig.parse({
      ...scenes,
      evaluate: { ...scenes.evaluate, bench: "object-halbench", sftControl: false, ...more },
    });

  /** What the service and the command line make of a run's round: the run's own answers on its own bench, else its checkpoint is asked. */
  async function measuredAgain(id: string, checkpoint: string): Promise<void> {
    const { dataDir, store, blobs } = local;
    const deps = { dataDir, store, blobs, judges: [], files: async () => ({}), served: async () => undefined };
    const ofRound = async (bench: string) =>
      planEvaluation(EvaluationRequest.parse({ bench, run: { id, round: 1 }, count: 2 }), deps);
    const own = await ofRound("object-halbench");
    assert.ok(own.answers.kind === "stored");
    assert.deepEqual([own.opened.items.length, own.answers.answers.length], [8, 8]);
    assert.equal(own.answers.told.model, checkpoint);
    const asking = ["eval", "--run", id, "--round", "1", "--bench", "object-halbench", "--data", dataDir, "--json"];
    const { stdout } = await promisify(execFile)(process.execPath, [MAIN, ...asking]);
    const [told] = JSON.parse(stdout).benches;
    assert.deepEqual([told.result.items, told.spentUsd, told.comparison.items], [8, 0, 8]);
    assert.match(told.result.answers.source, /^stored answers of run .*, round 1, greedy$/);
    const metrics = await local.blobs.read(metricsKey(id, "1.evaluate"));
    const { greedy } = Metrics.parse(JSON.parse(new TextDecoder().decode(metrics)));
    assert.equal(told.result.figures.recall.value, greedy!.recall.value);
    const other = await ofRound("scenes");
    assert.ok(other.answers.kind === "model");
    assert.equal(other.answers.checkpoint?.id, checkpoint);
    const missing = { bench: "scenes", run: { id, round: 2 } };
    await assert.rejects(planEvaluation(EvaluationRequest.parse(missing), deps), { field: "run.round" });
  }

  test("trains, selects and reports by COCO's truth; its greedy figures are those of `rlaifv eval`", async () => {
    const planned = await planRun(byHalbench({ coco, gate: "recall > 0.1" }), local, { strict: true });
    const { runId } = planned.plan;
    await createRun(planned, local);
    const { run, report } = await carryOut(runId, local, IGNORED);
    assert.equal(run.state, "finished", run.reason);
    const [round] = report!.rounds;
    assert.equal(round!.selection?.outcome, "selected");
    assert.equal(round!.gate?.outcome, "passed");
    const { against, images, tests, checkpoints } = round!.selection!.tests!;
    assert.deepEqual([against, images, tests], ["base", 8, 3]);
    assert.deepEqual(
      checkpoints.map(({ checkpoint }) => checkpoint),
      round!.selection!.considered.map(({ checkpoint }) => checkpoint),
    );
    const { greedy } = report!.base!;
    const answered = await readScored(local, runId, "0.greedy");
    const items = answered.map(({ sampleId, image, question, metadata }) => {
      const truth = metadata["objects"] as string[];
      return { itemId: sampleId, image: image.sha256, question, truth: { strict: truth, parity: truth } };
    });
    const answers = answered.map(({ sampleId, candidates }) => ({ itemId: sampleId, text: candidates[0]!.text }));
    const told = { source: "run", model: null, revision: null };
    const options = { confidence: 0.95, resamples: 200, seed: 1, mode: "strict" as const, settings: {}, answers: told };
    const bench = objectHalbench({ extraction: { by: "wink" }, tagger: winkTagger() });
    const { figures } = evaluate(bench, { items, answers, calls: [] }, options).result;
    const names = ["response_hallucination", "response_hallucination_all", "mention_hallucination", "recall", "words"];
    for (const name of names) {
      const [own, evaluated] = [greedy![name as "recall"], figures[name]!];
      assert.deepEqual([own.value, own.n], [evaluated.value, evaluated.n], name);
    }
    assert.ok(greedy!.recall.value! > 0.3 && greedy!.recall.ci !== null, `recall ${greedy!.recall.value}`);
    assert.notEqual(report!.base!.recall.value, null);
    await measuredAgain(runId, round!.checkpoint!.id);
    const page = new TextDecoder().decode(await local.blobs.read(reportKey(runId, "html")));
    assert.match(page, /object-halbench/);
    assert.match(page, /against the base.*p is corrected \(Holm\) for 3 tests: 3 figures of 1 checkpoint/s);
  });

  test("is another run than that of scenes, the same wherever COCO lies, and another with another truth", async () => {
    const idOf = async (config: RunConfig) => (await planRun(config, local, { strict: true })).plan.runId;
    const elsewhere = await writeAnnotations(join(folder.path, "elsewhere"), [
      ...[100, 101, 200].map((id) => ({ id, classes: [], annotated: ["dog"], captions: [], captionClasses: [] })),
    ]);
    const moved = join(folder.path, "moved");
    await mkdir(moved);
    for (const kind of ["instances", "captions"]) {
      for (const split of ["train", "val"]) {
        const name = `${kind}_${split}2014.json`;
        await writeFile(join(moved, name), await readFile(join(coco, name)));
      }
    }
    const own = await idOf(byHalbench({ coco }));
    assert.equal(await idOf(byHalbench({ coco: moved })), own);
    assert.notEqual(await idOf(scenes), own);
    const { plan } = await planRun(byHalbench({ coco: elsewhere }), local, { strict: true });
    assert.notEqual(plan.runId, own);
    assert.match(plan.warnings.join("\n"), /nothing is known of 6 of 8 pictures of the evaluation split/);
    assert.match(plan.warnings.join("\n"), /nothing is known of 7 of 8 pictures of the selection split/);
  });

  test("takes the truth from the rows themselves, and refuses rows that tell none or something else", async () => {
    const rows = async (objects: unknown) => {
      const from = join(folder.path, "report");
      const [line] = (await readFile(join(from, "manifest.jsonl"), "utf8")).split("\n");
      const path = join(from, "own.jsonl");
      await writeFile(path, `${JSON.stringify({ ...JSON.parse(line!), objects })}\n`);
      return byHalbench({ data: { path }, selection: undefined });
    };
    const strict = { strict: true };
    const { parts } = await planRun(await rows(["puppy", "pizza"]), local, strict);
    assert.deepEqual(parts.evaluation[0]!.metadata["objects"], ["puppy", "pizza"]);
    await assert.rejects(planRun(await rows(undefined), local, strict), {
      name: "EvaluationError",
      message: /nothing is known of any picture of the evaluation split \(evaluate\.data\)/,
    });
    await assert.rejects(planRun(await rows(["dog", "unicorn"]), local, strict), {
      message: /report-3-00000\.png: objects: "unicorn" stands for none of COCO's 80 classes/,
    });
    await assert.rejects(planRun(await rows("dog"), local, strict), { message: /objects is no list of words/ });
    await assert.rejects(planRun(byHalbench({ coco: folder.path }), local, strict), {
      message: /has no instances_train/,
    });
  });
});
