import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import {
  halbenchItems,
  readHalbenchAnswers,
  readHalbenchExtractions,
  readHalbenchQuestions,
  readHalbenchResult,
} from "../../../functions/evals/object-halbench/load.ts";
import { evaluate } from "../../../shared/evaluation/evaluate.ts";
import { objectHalbench } from "../../../shared/evaluation/object-halbench/object-halbench.ts";
import { sha256Hex } from "../../../shared/ids.ts";

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "halbench-"));
});
after(() => rm(folder, { recursive: true }));

async function fileOf(name: string, ...rows: unknown[]): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, rows.map((row) => (typeof row === "string" ? row : JSON.stringify(row))).join("\n"));
  return path;
}

const row = (image_id: unknown, text: string | null = "Assistant: A dog. ") => ({
  question_id: 0,
  image_id,
  prompt: "Describe it.",
  text,
  model_id: "some-7b",
});

test("official answer files are read, with the turn's name cut off as RLAIF-V does", async () => {
  const read = await readHalbenchAnswers(await fileOf("answers.jsonl", row(42), row("7", null)));
  assert.deepEqual(read.answers, [
    { itemId: "42", text: "A dog." },
    { itemId: "7", text: null },
  ]);
  assert.deepEqual(read.questions[0], { itemId: "42", imageId: 42, image: "coco-42", question: "Describe it." });
  assert.equal(read.model, "some-7b");
});

const BAD: [string, unknown[], RegExp][] = [
  ["no JSON", [row(1), "{"], /answers\.jsonl, line 2: this is not JSON/],
  ["no image", [{ text: "A dog." }], /line 1: image_id/],
  ["a name for a number", [row("cat.jpg")], /line 1: image_id/],
  ["no text", [{ image_id: 1 }], /line 1: text: it is missing/],
  ["two answers", [row(1), row(2), row(1)], /image_id 1 stands there twice/],
];
for (const [name, rows, message] of BAD) {
  test(`a bad answer file is told with line and field: ${name}`, async () => {
    await assert.rejects(readHalbenchAnswers(await fileOf("answers.jsonl", ...rows)), message);
  });
}

test("the question file gives each picture's bytes and names items by their hash", async () => {
  const picture = Uint8Array.of(255, 216, 255, 1, 2, 3);
  const base64 = Buffer.from(picture).toString("base64");
  const path = await fileOf("questions.jsonl", { image_id: 5, question: "What is there?", image: base64 });
  const kept = new Map<string, Uint8Array>();
  const [question] = await readHalbenchQuestions(path, async (sha256, bytes) => void kept.set(sha256, bytes));
  assert.deepEqual(question, { itemId: "5", imageId: 5, image: sha256Hex(picture), question: "What is there?" });
  assert.deepEqual([...kept.get(sha256Hex(picture))!], [...picture]);
  const broken = await fileOf("questions.jsonl", { image_id: 5, question: "?", image: "<html>" });
  await assert.rejects(
    readHalbenchQuestions(broken, async () => {}),
    /image_id 5: image: it is no base64/,
  );
});

test("items carry the truth of both modes; images that COCO does not have are told", async () => {
  const evidence = new Map([[1, { categories: ["dog"], captions: ["Two men on a sofa"] }]]);
  const questions = [1, 2].map((imageId) => ({
    itemId: `${imageId}`,
    imageId,
    image: `coco-${imageId}`,
    question: "?",
  }));
  const { items, unknown } = await halbenchItems(questions, { evidence: async () => evidence });
  assert.deepEqual(items[0]!.truth, { strict: ["couch", "dog", "person"], parity: ["couch", "dog"] });
  assert.deepEqual(unknown, [questions[1]]);
});

test("a result of RLAIF-V is scored again from itself, without COCO and without a judge", async () => {
  const sentence = {
    image_id: 9,
    caption: "A man and a dog .",
    mscoco_hallucinated_words: [["dog", ["dog", "dog"]]],
    mscoco_gt_words: ["person"],
    mscoco_generated_words: [
      ["man", "person"],
      ["dog", "dog"],
    ],
    words: ["man", "dog", "grass"],
    metrics: { CHAIRs: 1, CHAIRi: 0.5 },
  };
  const path = await fileOf("hall_answers_-1.json", { sentences: [sentence], overall_metrics: {} });
  const { items, answers, extraction } = await readHalbenchResult(path);
  const { result } = evaluate(
    objectHalbench({ extraction, tagger: () => [] }),
    { items, answers, calls: [] },
    {
      mode: "parity",
      confidence: 0.95,
      resamples: 10,
      seed: 1,
      settings: {},
      answers: { source: path, model: null, revision: null },
    },
  );
  assert.deepEqual([result.extra["CHAIRs"], result.extra["CHAIRi"], result.extra["obj_rec"]], [1, 0.5, 1]);
  const other = await fileOf("other.json", { sentences: [{ image_id: 9, caption: "A dog." }] });
  await assert.rejects(readHalbenchResult(other), /sentences\.0\.mscoco_gt_words/);
});

test("our own extractions are lists of object names, one line an item", async () => {
  const path = await fileOf("objects.jsonl", { itemId: "1", objects: ["a dog"] });
  assert.deepEqual(await readHalbenchExtractions(path), {
    by: "stored",
    normalised: false,
    objects: new Map([["1", ["a dog"]]]),
  });
  const twice = await fileOf("objects.jsonl", { itemId: "1", objects: [] }, { itemId: "1", objects: [] });
  await assert.rejects(readHalbenchExtractions(twice), /two extractions of one item/);
});
