import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { loadRefomb, loadRefombAnswers } from "../../functions/evals/refomb/load.ts";
import { loadRefombReplies } from "../../functions/evals/refomb/replies.ts";
import { benchEntry } from "../../functions/evals/registry.ts";
import { refombItemId } from "../../shared/evaluation/refomb/refomb.ts";
import { askingJudge, evaluated, filesOf, scriptedJudge } from "../support/scripted-judge.ts";
import { tempFolder } from "../support/temp-folder.ts";

const URLS = [0, 1, 2].map((at) => `https://pictures.example/o/scene_${at}.jpg`);
const QUESTION = "What stands on the hill?";
const ROWS = URLS.map((image_url, id) => ({
  image_url,
  question: QUESTION,
  description: `A windmill stands on hill ${id}.`,
  type: "OCR",
  split: "dev",
  id,
  answer: "",
}));
const REFERENCES = ROWS.map((row) => ({ ...row, answer: `Reference ${row.id}: a windmill.` }));
const idOf = (at: number) => refombItemId(URLS[at]!, QUESTION);

const jsonl = (records: readonly unknown[]) => records.map((record) => `${JSON.stringify(record)}\n`).join("");

async function world() {
  const folder = await tempFolder("refomb");
  const put = async (name: string, content: unknown): Promise<string> => {
    const path = join(folder.path, name);
    await writeFile(path, typeof content === "string" ? content : JSON.stringify(content));
    return path;
  };
  const questions = await put("dev.jsonl", jsonl(ROWS));
  const references = await put("gpt4v.jsonl", jsonl(REFERENCES.toReversed()));
  const items = await loadRefomb({ questions, references });
  return {
    path: folder.path,
    put,
    questions,
    references,
    items,
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

test("Questions get the reference answers of the other file by picture and question", async () => {
  await using files = await world();
  assert.deepEqual(files.items[1], {
    itemId: idOf(1),
    image: "scene_1.jpg",
    question: QUESTION,
    description: "A windmill stands on hill 1.",
    type: "OCR",
    reference: "Reference 1: a windmill.",
  });
  const bare = await loadRefomb({ questions: files.questions });
  assert.deepEqual(
    bare.map(({ reference }) => reference),
    [null, null, null],
  );
});

const OFFICIAL = new URL("../../../shared/data/eval/RefoMB_dev.jsonl", import.meta.url).pathname;
test("The official dev file has 99 questions about 73 pictures, and no reference answer", {
  skip: existsSync(OFFICIAL) ? false : "the official dev file is not here",
}, async () => {
  const items = await loadRefomb({ questions: OFFICIAL });
  assert.deepEqual([items.length, new Set(items.map(({ image }) => image)).size], [99, 73]);
  assert.ok(items.every(({ reference }) => reference === null));
});

test("Questions that are there twice or lack a field, and missing reference answers, are refused", async () => {
  await using files = await world();
  const refused = async (rows: readonly unknown[], references: readonly unknown[], message: RegExp) =>
    assert.rejects(
      loadRefomb({ questions: await files.put("q", jsonl(rows)), references: await files.put("r", jsonl(references)) }),
      message,
    );
  await refused([ROWS[0], ROWS[0]], REFERENCES, /q: record 2: .* twice/);
  await refused([ROWS[0], { ...ROWS[1], description: "" }], REFERENCES, /q, line 2: description/);
  await refused(ROWS, REFERENCES.slice(1), /r: answer: there is none to "What stands on the hill\?" about .*scene_0/);
  await refused(ROWS, ROWS, /r: answer: there is none/);
});

test("Answers are found by picture and question under every name the fields have", async () => {
  await using files = await world();
  const { items, put } = files;
  const lines = [
    { image_url: URLS[2], prompt: QUESTION, text: "A mill." },
    { image_url: URLS[0], question: QUESTION, answer: " " },
  ];
  const expected = [
    { itemId: idOf(2), text: "A mill." },
    { itemId: idOf(0), text: null },
  ];
  assert.deepEqual(await loadRefombAnswers(await put("a.jsonl", jsonl(lines)), items), expected);
  assert.deepEqual(await loadRefombAnswers(await put("a.json", lines), items), expected);
  assert.deepEqual(await loadRefombAnswers(await put("own.jsonl", jsonl(expected)), items), expected);
  const refused = async (content: unknown[], message: RegExp) =>
    assert.rejects(loadRefombAnswers(await put("bad.jsonl", jsonl(content)), items), message);
  await refused([{ image_url: URLS[0], question: "Else?", answer: "x" }], /record 1: question: "Else\?" about/);
  await refused([lines[0]!, { image_url: URLS[0], answer: "x" }], /line 2: question: there is neither/);
  await refused([{ image_url: URLS[0], prompt: QUESTION }], /line 1: answer: there is neither/);
  await refused([lines[0]!, lines[0]!], /record 2: .* twice/);
});

const review = (at: number, score: number, more: object = {}) => ({
  score,
  review: `Review ${at}. [[${score === 1 ? "B" : score === 0 ? "C" : "A"}]]`,
  prompt: "…",
  image: at,
  modelA: "GPT-4V",
  modelB: "ours",
  type_name: "OCR",
  question: QUESTION,
  image_path_list: URLS[at],
  ...more,
});
const ANSWERS = [0, 1, 2].map((at) => ({ itemId: idOf(at), text: `Answer ${at}.` }));

test("Stored reviews in any order, with what was read out of them, give the original's numbers", async () => {
  await using files = await world();
  const { put, path, questions } = files;
  const reviews = [review(2, 1), review(0, -1, { image_path_list: [URLS[0]] }), review(1, 0)];
  const reviewsPath = await put("A-GPT-4V_B-ours.json", reviews);
  await put("A-GPT-4V_B-ours.hall.json", [
    { score: 1, review_text: reviews[1]!.review, review_res: "[[B]]", type_name: "OCR" },
    { score: 1, review_text: reviews[0]!.review, review_res: "So: [[B]]", type_name: "OCR" },
  ]);
  const opened = await benchEntry("refomb").open(
    { data: questions, seed: 1, count: 0 },
    { dataDir: path, blobs: {} as never },
  );
  const answersPath = await put("answers.jsonl", jsonl(ANSWERS));
  const calls = await opened.readReplies!(reviewsPath, ANSWERS);
  assert.deepEqual(
    calls.map(({ itemId, kind }) => [itemId, kind]),
    [
      [idOf(2), "compare"],
      [idOf(0), "compare"],
      [idOf(1), "compare"],
      [idOf(0), "hallucination"],
      [idOf(2), "hallucination"],
    ],
  );
  const { result } = await evaluated({
    ...{ opened, answersPath, folder: join(path, "out"), mode: "parity", engine: scriptedJudge(() => null) },
    judge: { kind: "stored", calls },
  });
  assert.deepEqual(result.extra, { score: 0.5, wins: 1, losses: 1, ties: 1, hallucination_score: 1 });
});

test("Reviews with the candidate in the first place are those of the other order", async () => {
  await using files = await world();
  const swapped = await files.put("A-ours_B-GPT-4V.json", [review(0, 1, { modelA: "ours", modelB: "GPT-4V" })]);
  const [call] = await loadRefombReplies(swapped, files.items, ANSWERS);
  assert.equal(call?.kind, "compare_swapped");
});

test("Replies that do not belong together are refused by entry and field", async () => {
  await using files = await world();
  const { put, items } = files;
  const refused = async (entries: unknown[], message: RegExp, name = "bad.json") =>
    assert.rejects(loadRefombReplies(await put(name, entries), items, ANSWERS), message);
  await refused([review(0, 1, { modelA: "x" })], /entry 0: modelA, modelB: "x" and "ours"/);
  await refused([review(0, 1), review(1, 1, { question: "Else?" })], /entry 1: question: "Else\?"/);
  await refused([review(0, 1), review(0, 1)], /entry 1: question: .* reviewed before/);
  await refused([review(0, 1, { score: -1 })], /entry 0: score: -1 is not what its reply says \(1\)/);
  await refused([review(0, 2)], /0\.score/);
  await refused([], /the reviews/, "x.hall.json");
  await put("bad.hall.json", [{ score: 1, review_text: "Another.", review_res: "[[B]]" }]);
  await refused([review(0, 1)], /hall\.json: entry 0: review_text: no review/);
});

/** B is better; says so about reviews, too, and has no verdict where the answer is the third one. */
const verdictOn = (prompt: string) => (prompt.includes("Answer 2.") ? "Hard to say." : "B is right. [[B]]");

test("Both orders and then their reviews are asked about, and stored replies score to the same bytes", async () => {
  await using files = await world();
  const { put, path, questions, references } = files;
  const open = () =>
    benchEntry("refomb").open(
      { data: questions, references, seed: 1, count: 0 },
      { dataDir: path, blobs: {} as never },
    );
  const opened = await open();
  const judge = scriptedJudge(verdictOn);
  const [first, again] = [join(path, "first"), join(path, "again")];
  const answersPath = await put("answers.jsonl", jsonl(ANSWERS));
  const asked = await evaluated({ opened, answersPath, judge: askingJudge(), engine: judge, folder: first });
  const kinds = Map.groupBy(asked.calls, ({ kind }) => kind);
  assert.deepEqual(
    [...kinds].map(([kind, calls]) => [kind, calls.length]),
    [
      ["compare", 3],
      ["compare_swapped", 3],
      ["hallucination", 2],
      ["hallucination_swapped", 2],
    ],
  );
  assert.equal(judge.asked.filter((prompt) => prompt.includes("B is right. [[B]]")).length, 4);
  const { figures, extra, missing } = asked.result;
  assert.deepEqual([figures["win"]?.value, figures["trustworthiness"]?.value, missing], [0.5, 0.5, 1]);
  assert.deepEqual(extra, { position_flips: 1, first_place_advantage: -0.5 });
  const silent = scriptedJudge(() => assert.fail("nobody is to be asked"));
  const reopened = await open();
  const calls = await reopened.readReplies!(join(first, "judge.jsonl"), ANSWERS);
  const stored = { opened: reopened, answersPath: join(first, "answers.jsonl"), engine: silent, folder: again };
  await evaluated({ ...stored, judge: { kind: "stored", calls } });
  assert.deepEqual(await filesOf(again), await filesOf(first));
});

test("Without reference answers nobody is asked, and the way out is told", async () => {
  await using files = await world();
  const { put, path, questions } = files;
  const opened = await benchEntry("refomb").open(
    { data: questions, seed: 1, count: 0 },
    { dataDir: path, blobs: {} as never },
  );
  assert.match(opened.notes.join(), /3 of 3 items have no reference answer/);
  const judge = scriptedJudge(verdictOn);
  const answersPath = await put("answers.jsonl", jsonl(ANSWERS));
  await assert.rejects(
    evaluated({ opened, answersPath, judge: askingJudge(), engine: judge, folder: join(path, "out") }),
    /there is no reference answer to compare with/,
  );
  assert.equal(judge.asked.length, 0);
});
