import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { loadPope, loadPopeAnswers, settingOf } from "../../functions/evals/pope/load.ts";

let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "pope-"));
});
after(() => rm(folder, { recursive: true, force: true }));

async function put(name: string, lines: readonly unknown[]): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  return path;
}

const QUESTIONS = [1, 2].map((id) => ({
  question_id: id,
  image: `picture_${id}.jpg`,
  text: `Is there a swan in picture ${id}?`,
  label: id === 1 ? "yes" : "no",
}));
const load = async () => loadPope(await put("world_pope_popular.json", QUESTIONS));

test("a question file is of the setting in its name", async () => {
  assert.equal(settingOf("/a/coco_pope_adversarial.json"), "adversarial");
  const [first] = await load();
  assert.deepEqual(first, {
    itemId: "popular/1",
    image: "picture_1.jpg",
    question: "Is there a swan in picture 1?",
    label: "yes",
    setting: "popular",
  });
});

test("answers are found by their question_id, else by their line", async () => {
  const items = await load();
  const named = await put("named.jsonl", [
    { question_id: 2, text: "No", pYes: 0.1, pNo: 0.9 },
    { question_id: 1, text: null },
  ]);
  assert.deepEqual(await loadPopeAnswers(named, items), [
    { itemId: "popular/2", text: "No", pYes: 0.1, pNo: 0.9 },
    { itemId: "popular/1", text: null },
  ]);
  const official = await put(
    "official.json",
    QUESTIONS.map(({ text }) => ({ question: text, answer: "Yes" })),
  );
  assert.deepEqual((await loadPopeAnswers(official, items))[1], { itemId: "popular/2", text: "Yes" });
});

test("answers that cannot be told to a question are refused", async () => {
  const items = await load();
  const refused = async (lines: unknown[], message: RegExp) =>
    assert.rejects(loadPopeAnswers(await put("bad.jsonl", lines), items), message);
  await refused([{ answer: "Yes" }], /1 answers to 2 questions/);
  await refused([{ question_id: 1, answer: "Yes" }, { answer: "No" }], /some lines have a question_id/);
  await refused([{ question_id: 7, answer: "Yes" }], /no question popular\/7/);
  await refused([{ answer: "Yes" }, { question: "Is it late?", answer: "No" }], /answer 2 is to "Is it late\?"/);
});

test("a question that is there twice, or has no label, is refused", async () => {
  await assert.rejects(loadPope(await put("a_random.json", [QUESTIONS[0], QUESTIONS[0]])), /question 1 twice/);
  await assert.rejects(loadPope(await put("b_random.json", [{ ...QUESTIONS[0], label: "maybe" }])), /line 1: label/);
});
