import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { test } from "node:test";
import { ownAnswers, roundModel } from "../../functions/evals/of-run.ts";
import { benchEntry } from "../../functions/evals/registry.ts";
import { carryOut } from "../../functions/runtime/carry-out.ts";
import { createRun } from "../../functions/runtime/create-run.ts";
import { openLocal } from "../../functions/runtime/local.ts";
import { planRun } from "../../functions/runtime/plan-run.ts";
import { readScored } from "../../functions/workers/files.ts";
import { evaluate } from "../../shared/evaluation/evaluate.ts";
import { reportKey } from "../../shared/keys.ts";
import { RunConfig } from "../../shared/schemas/config.ts";
import { writeFiles } from "../intake/support.ts";
import { writeSmallRun } from "../support/small-run.ts";
import { tempFolder } from "../support/temp-folder.ts";

type Row = { image: string; scene: { objects: { class: string }[] } };

const rowsOf = async (manifest: string): Promise<Row[]> =>
  (await readFile(manifest, "utf8"))
    .trimEnd()
    .split("\n")
    .map((line): Row => JSON.parse(line));

/** AMBER's layout about the run's own pictures, by their names. */
async function annotated(folder: string, rows: readonly Row[]): Promise<string> {
  const classes = [...new Set(rows.flatMap(({ scene }) => scene.objects.map((one) => one.class)))].sort();
  const truthOf = ({ scene }: Row) => [...new Set(scene.objects.map((one) => one.class))];
  const absent = (row: Row) => classes.filter((name) => !truthOf(row).includes(name)).slice(0, 3);
  const annotations = rows.map((row, at) => ({
    ...{ id: at + 1, type: "generative" },
    ...{ truth: truthOf(row), hallu: absent(row) },
  }));
  const queries = rows.map(({ image }, at) => ({ id: at + 1, image: basename(image), query: "Describe this image." }));
  await writeFiles(folder, {
    "annotations.json": JSON.stringify(annotations),
    "query/query_generative.json": JSON.stringify(queries),
    "relation.json": JSON.stringify(Object.fromEntries(classes.map((name) => [name, []]))),
    "safe_words.txt": "picture\n",
  });
  return folder;
}

test("a run measures itself by AMBER's descriptions, with the figures of `rlaifv eval amber` on the same answers", async () => {
  await using folder = await tempFolder("amber-run");
  const path = await writeSmallRun(folder.path, { images: 12, rounds: 1, evaluation: 8 });
  const scenes = RunConfig.parse(JSON.parse(await readFile(path, "utf8")));
  const manifests = ["report", "tuning"].map((split) => join(dirname(path), split, "manifest.jsonl"));
  const rows = (await Promise.all(manifests.map(rowsOf))).flat();
  const amber = await annotated(join(folder.path, "amber", "data"), rows);
  const own = { ...scenes.evaluate, bench: "amber", amber, sftControl: false, gate: "cover > 0.1 and cog < 100%" };
  const config = RunConfig.parse({ ...scenes, evaluate: own });
  const local = await openLocal({ dataDir: join(folder.path, "data"), env: {} });

  const planned = await planRun(config, local, { strict: true });
  const { runId } = planned.plan;
  await createRun(planned, local);
  const { run, report } = await carryOut(runId, local, { emit: () => {}, signal: new AbortController().signal });
  assert.equal(run.state, "finished", run.reason);
  const [round] = report!.rounds;
  assert.equal(round!.gate?.outcome, "passed");

  const items = join(amber, "query", "query_generative.json");
  const opened = await benchEntry("amber").open({ data: items, seed: 1, count: 1 }, local);
  const idOf = new Map(rows.map(({ image }, at) => [basename(image), String(at + 1)]));
  const answered = await readScored(local, runId, "0.greedy");
  const answers = answered.map(({ image, candidates }) => ({
    itemId: idOf.get(basename(image.path))!,
    text: candidates[0]!.text,
  }));
  const asked = { mode: "strict", confidence: 0.95, resamples: 200, seed: 1, settings: {} } as const;
  const told = { source: "run", model: null, revision: null };
  const measured = opened.items.filter(({ itemId }) => answers.some((one) => one.itemId === itemId));
  const { figures } = evaluate(
    opened.bench,
    { items: measured, answers, calls: [] },
    { ...asked, answers: told },
  ).result;
  const greedy = report!.base!.greedy!;
  for (const name of ["chair", "cover", "hal", "cog", "words"] as const) {
    const [inRun, alone] = [greedy[name]!, figures[name]!];
    assert.deepEqual([inRun.value, inRun.n], [alone.value, alone.n], name);
  }
  assert.ok(greedy.cover!.value! > 0.3, `cover ${greedy.cover!.value}`);
  assert.deepEqual([greedy.recall, greedy.mention_hallucination], [greedy.cover, greedy.chair]);

  const stored = await ownAnswers("amber", await roundModel({ runId }, 0, local), local);
  assert.ok(stored?.answers.kind === "stored");
  assert.deepEqual([stored.opened.items.length, stored.answers.answers.length], [8, 8]);
  const page = new TextDecoder().decode(await local.blobs.read(reportKey(runId, "html")));
  for (const title of ["CHAIR (AMBER)", "Cover (AMBER)", "Hal (AMBER)", "Cog (AMBER)"]) {
    assert.ok(page.includes(title), title);
  }
  await local.close();
});

test("AMBER's figures may be named in the gate of its own runs only, and its folder belongs to it alone", () => {
  const data = { path: "a.jsonl" };
  const faultOf = (evaluate: object) =>
    RunConfig.shape.evaluate.safeParse({ data, ...evaluate }).error?.issues.map((issue) => issue.path.join("."));
  assert.deepEqual(faultOf({ bench: "scenes", gate: "hal < 10%" }), ["gate"]);
  assert.equal(faultOf({ bench: "amber", amber: "data", gate: "hal < 10%" }), undefined);
  assert.deepEqual(faultOf({ bench: "amber" }), ["amber"]);
  assert.deepEqual(faultOf({ bench: "scenes", amber: "data" }), ["amber"]);
});
