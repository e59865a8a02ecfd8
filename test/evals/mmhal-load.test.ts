import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { loadMmhal, loadMmhalAnswers, loadMmhalReplies } from "../../functions/evals/mmhal/load.ts";
import { benchEntry } from "../../functions/evals/registry.ts";
import { mmhalType } from "../../shared/evaluation/mmhal/mmhal.ts";
import { askingJudge, evaluated, filesOf, scriptedJudge } from "../support/scripted-judge.ts";
import { tempFolder } from "../support/temp-folder.ts";

/** A file of the official layout about made-up pictures. */
const template = (answerOf: (index: number) => string) =>
  Array.from({ length: 96 }, (_, index) => ({
    question_type: mmhalType(index),
    question_topic: "animal",
    image_id: `p${index}`,
    image_src: `https://pictures.example/o/picture_${index}.jpg?size=o`,
    image_content: ["Swan", "Boat"],
    question: `What swims in picture ${index}?`,
    gt_answer: "A swan swims beside a boat.",
    model_answer: answerOf(index),
  }));

async function put(folder: string, name: string, content: unknown): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

const jsonl = (records: readonly unknown[]) => records.map((record) => `${JSON.stringify(record)}\n`).join("");

async function world() {
  const folder = await tempFolder("mmhal");
  const path = await put(
    folder.path,
    "template.json",
    template(() => ""),
  );
  const filled = template((index) => (index === 2 ? " " : `Answer ${index}.`));
  const answersPath = await put(folder.path, "answers.template.json", filled);
  const items = await loadMmhal(path);
  return { folder, path, items, filled, answersPath, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

test("The answer template is read in its own order, and its pictures by their file names", async () => {
  await using files = await world();
  assert.equal(files.items.length, 96);
  assert.deepEqual(files.items[9], {
    itemId: "mmhal-09",
    image: "picture_9.jpg",
    question: "What swims in picture 9?",
    index: 9,
    topic: "animal",
    imageUrl: "https://pictures.example/o/picture_9.jpg?size=o",
    contents: ["Swan", "Boat"],
    reference: "A swan swims beside a boat.",
  });
});

const OFFICIAL = new URL("../../../shared/data/eval/mmhal-bench_answer_template.json", import.meta.url).pathname;
test("The official template has 96 items about 96 pictures, and no answer yet", {
  skip: existsSync(OFFICIAL) ? false : "the official template is not here",
}, async () => {
  const items = await loadMmhal(OFFICIAL);
  assert.equal(new Set(items.map(({ image }) => image)).size, 96);
  const answers = await loadMmhalAnswers(OFFICIAL, items);
  assert.deepEqual(new Set(answers.map(({ text }) => text)), new Set([null]));
});

test("A template of another length or order is refused by entry and field", async () => {
  await using files = await world();
  const refused = async (change: (records: ReturnType<typeof template>) => unknown, message: RegExp) =>
    assert.rejects(loadMmhal(await put(files.folder.path, "bad.json", change(template(() => "")))), message);
  await refused((records) => records.slice(1), /bad\.json has 95 items, and MMHal-Bench has 96/);
  await refused((records) => records.toReversed(), /0\.question_type: "other" stands where "attribute" belongs/);
  await refused((records) => records.with(3, { ...records[3]!, gt_answer: "" }), /3\.gt_answer/);
  await refused(() => "[", /bad\.json is not JSON/);
  await assert.rejects(loadMmhal(join(files.folder.path, "none.json")), /cannot read .*none\.json/);
});

test("Answers are read from the filled template, from lines with a text, and from this project's form", async () => {
  await using files = await world();
  const { items, folder } = files;
  const fromTemplate = await loadMmhalAnswers(files.answersPath, items);
  assert.deepEqual(fromTemplate[1], { itemId: "mmhal-01", text: "Answer 1." });
  assert.deepEqual(fromTemplate[2], { itemId: "mmhal-02", text: null });
  const lines = await put(folder.path, "lines.jsonl", jsonl(fromTemplate.map(({ text }) => ({ text: text ?? "" }))));
  assert.deepEqual(await loadMmhalAnswers(lines, items), fromTemplate);
  const own = await put(folder.path, "own.jsonl", jsonl(fromTemplate));
  assert.deepEqual(await loadMmhalAnswers(own, items), fromTemplate);
});

test("Answers of another number or to other questions are refused", async () => {
  await using files = await world();
  const { items, folder } = files;
  const refused = async (content: unknown, message: RegExp) =>
    assert.rejects(loadMmhalAnswers(await put(folder.path, "bad", content), items), message);
  await refused(jsonl([{ text: "a" }]), /bad has 1 answers/);
  await refused(jsonl([{ answer: "a" }]), /bad, line 1: text/);
  await refused(files.filled.toReversed(), /entry 0: question: "What swims in picture 95\?" is not the item's/);
});

test("Stored chat responses and merged records are judge calls about the answers", async () => {
  await using files = await world();
  const { items, folder, filled } = files;
  const answers = await loadMmhalAnswers(files.answersPath, items);
  const reply = (index: number) => `Fine.\nRating: ${index % 7}`;
  const responses = filled.map((_, index) => ({
    model: "gpt-4-1106-preview",
    choices: [{ message: { content: index === 5 ? null : reply(index) } }],
  }));
  const evalPath = await put(folder.path, "a.mmhal_test_eval.json", responses);
  const calls = await loadMmhalReplies(evalPath, items, answers);
  assert.deepEqual([calls[4]?.reply, calls[4]?.kind, calls[4]?.model], [reply(4), "rate", "gpt-4-1106-preview"]);
  assert.deepEqual([calls[5]?.reply, typeof calls[5]?.failure], [null, "string"]);
  const records = filled.map((record, index) => ({ ...record, gpt4_review: reply(index) }));
  const mergedPath = await put(folder.path, "a.merge_gpt4_score.json", records);
  const merged = await loadMmhalReplies(mergedPath, items, await loadMmhalAnswers(mergedPath, items));
  assert.deepEqual([merged[4]?.reply, merged[4]?.answerHash], [reply(4), calls[4]?.answerHash]);
  const others = answers.map(({ itemId }) => ({ itemId, text: "Something else." }));
  await assert.rejects(loadMmhalReplies(mergedPath, items, others), /entry 0: model_answer: "Answer 0\." is not/);
  const few = await put(folder.path, "few.json", responses.slice(2));
  await assert.rejects(loadMmhalReplies(few, items, answers), /few\.json has 94 replies/);
});

test("Stored official replies give the original's numbers", async () => {
  await using files = await world();
  const { folder, path } = files;
  // The made-up ratings (5·i + ⌊i/8⌋) mod 7 have known averages: 3.03125, and 40 of 96 are below 3.
  const rating = (index: number) => (5 * index + Math.floor(index / 8)) % 7;
  const records = template((index) => `Answer ${index}.`).map((record, index) => ({
    ...record,
    gpt4_review: `Rating: ${rating(index)}`,
  }));
  const merged = await put(folder.path, "merged.json", records);
  const opened = await benchEntry("mmhal").open(
    { data: path, seed: 1, count: 0 },
    { dataDir: folder.path, blobs: {} as never },
  );
  const calls = await opened.readReplies!(merged, await opened.readAnswers(merged));
  const { result } = await evaluated({
    ...{ opened, answersPath: merged, folder: join(folder.path, "out"), mode: "parity" },
    judge: { kind: "stored", calls },
    engine: scriptedJudge(() => null),
  });
  assert.equal(result.extra["average"], 3.03125);
  assert.equal(result.extra["hallucination_rate"], 40 / 96);
  assert.ok(Math.abs((result.extra["informativeness_percent"] ?? 0) - 42.7083333333) < 1e-6);
});

test("A judge is asked about every answer, and its stored replies score to the same bytes", async () => {
  await using files = await world();
  const { folder, path, answersPath } = files;
  const open = () =>
    benchEntry("mmhal").open({ data: path, seed: 1, count: 0 }, { dataDir: folder.path, blobs: {} as never });
  const opened = await open();
  const judge = scriptedJudge((prompt) =>
    prompt.includes("Answer 7.") ? null : prompt.includes("Answer 8.") ? "No idea." : "Well said.\nRating: 5",
  );
  const [first, again] = [join(folder.path, "first"), join(folder.path, "again")];
  const asked = await evaluated({ opened, answersPath, judge: askingJudge(2), engine: judge, folder: first });
  assert.equal(judge.asked.length, 190); // 95 answers, twice
  assert.deepEqual(
    [
      asked.result.missing,
      asked.result.judge?.failed,
      asked.result.judge?.unparsable,
      asked.result.figures["score"]?.value,
    ],
    [3, 2, 2, 5],
  );
  const silent = scriptedJudge(() => assert.fail("nobody is to be asked"));
  const reopened = await open();
  const answers = await reopened.readAnswers(join(first, "answers.jsonl"));
  const calls = await reopened.readReplies!(join(first, "judge.jsonl"), answers);
  const stored = { opened: reopened, answersPath: join(first, "answers.jsonl"), engine: silent, folder: again };
  await evaluated({ ...stored, judge: { kind: "stored", calls } });
  assert.deepEqual(await filesOf(again), await filesOf(first));
  assert.match(await readFile(join(first, "report.md"), "utf8"), /hallucination/);
});
