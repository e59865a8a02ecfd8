import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { tempFolder } from "../support/temp-folder.ts";

const MAIN = new URL("../../functions/cli/main.ts", import.meta.url).pathname;

function rlaifv(...args: string[]) {
  const env = { ...process.env, NO_COLOR: "1" };
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], { encoding: "utf8", env });
  return { status, stdout, stderr };
}

async function amberFolder(folder: string): Promise<string> {
  await mkdir(join(folder, "data", "query"), { recursive: true });
  const put = (name: string, content: unknown) =>
    writeFile(join(folder, "data", name), typeof content === "string" ? content : JSON.stringify(content));
  await put("annotations.json", [
    { id: 1, type: "generative", truth: ["tower", "swan"], hallu: ["comet"] },
    { id: 2, type: "generative", truth: ["tower"], hallu: ["comet"] },
  ]);
  await put("relation.json", { tower: ["spire"], swan: [], comet: [] });
  await put("safe_words.txt", "line\n");
  await put(
    "query/query_all.json",
    [1, 2].map((id) => ({ id, image: `AMBER_${id}.jpg`, query: "Describe it." })),
  );
  return join(folder, "data", "query", "query_all.json");
}

test("AMBER is scored from its own files and stored answers, and two models are compared on it", async () => {
  await using folder = await tempFolder("eval-amber");
  const items = await amberFolder(folder.path);
  const answers = async (name: string, texts: string[]) => {
    const path = join(folder.path, `${name}.json`);
    await writeFile(path, JSON.stringify(texts.map((response, at) => ({ id: at + 1, response }))));
    const run = rlaifv(
      "eval",
      "amber",
      "--items",
      items,
      "--answers",
      path,
      "--out",
      join(folder.path, name),
      "--json",
    );
    assert.equal(run.status, 0, run.stderr);
    return join(folder.path, name);
  };
  const liar = await answers("liar", ["A tower below a comet.", "A tower below a comet."]);
  const honest = await answers("honest", ["A tower and a swan.", "A tower."]);
  const compared = rlaifv("eval", "compare", liar, honest, "--json");
  assert.equal(compared.status, 0, compared.stderr);
  const { figures } = JSON.parse(compared.stdout);
  assert.deepEqual([figures.hal.a, figures.hal.b, figures.hal.difference.value], [1, 0, -1]);
  assert.deepEqual([figures.cover.a, figures.cover.b], [2 / 3, 1]); // 2 of 3 objects, then all
});

test("POPE is scored from its own questions and words, and its gate decides the exit code", async () => {
  await using folder = await tempFolder("eval-pope");
  const items = join(folder.path, "coco_pope_random.json");
  const lines = (rows: object[]) => rows.map((row) => JSON.stringify(row)).join("\n");
  const question = (id: number, label: string) => ({ question_id: id, image: `${id}.jpg`, text: "Is it?", label });
  await writeFile(items, lines([question(1, "yes"), question(2, "no"), question(3, "no"), question(4, "yes")]));
  const answers = join(folder.path, "answers.jsonl");
  const said = ["Yes.", "No.", "Yes, there is.", "Yes."];
  await writeFile(answers, lines(said.map((answer, at) => ({ question_id: at + 1, question: "Is it?", answer }))));
  const asked = ["eval", "pope", "--items", items, "--answers", answers, "--out", join(folder.path, "out"), "--json"];
  const run = rlaifv(...asked, "--gate", "accuracy >= 90%");
  assert.equal(run.status, 6, run.stderr);
  const { figures } = JSON.parse(run.stdout).result ?? JSON.parse(run.stdout);
  assert.equal(figures.accuracy.value, 0.75);
});

test("Object HalBench is scored without a judge from COCO's files and answers in the official layout", async () => {
  await using folder = await tempFolder("eval-halbench");
  const coco = join(folder.path, "annotations");
  await mkdir(coco);
  const file = (name: string, content: object) => writeFile(join(coco, name), JSON.stringify(content));
  const categories = [
    { id: 18, name: "dog" },
    { id: 62, name: "chair" },
  ];
  for (const split of ["train", "val"]) {
    const annotations = split === "val" ? [{ image_id: 7, category_id: 18 }] : [];
    await file(`instances_${split}2014.json`, { categories, annotations });
    const captions = split === "val" ? [{ image_id: 7, caption: "A dog on a chair." }] : [];
    await file(`captions_${split}2014.json`, { annotations: captions });
  }
  const answers = join(folder.path, "answers.jsonl");
  const text = "A dog sits on a chair next to a cat.";
  await writeFile(
    answers,
    JSON.stringify({ question_id: 0, image_id: 7, prompt: "Describe it.", text, model_id: "m" }),
  );
  const out = join(folder.path, "out");
  const asked = ["eval", "object-halbench", "--items", answers, "--answers", answers, "--coco", coco];
  const run = rlaifv(...asked, "--out", out, "--data", folder.path, "--json");
  assert.equal(run.status, 0, run.stderr);
  const printed = JSON.parse(run.stdout);
  const { figures } = printed.result ?? printed;
  assert.equal(figures.response_hallucination.value, 1);
  assert.equal(figures.mention_hallucination.value, 1 / 3); // the cat, of dog, chair and cat
  assert.equal(figures.recall.value, 1); // the dog of the instances and the chair of the caption
});

test("evaluations of different benches are not compared", async () => {
  await using folder = await tempFolder("eval-refuse");
  const none = rlaifv("eval", "compare", folder.path, folder.path);
  assert.deepEqual([none.status, /is no folder of an evaluation/.test(none.stderr)], [2, true]);
});
