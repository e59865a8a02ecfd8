import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { loadAmber, loadAmberAnswers } from "../../functions/evals/amber/load.ts";
import { nounsOf } from "../../functions/evals/amber/nouns.ts";
import { amberEvaluation } from "../../shared/evaluation/amber/amber.ts";

let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "amber-"));
});
after(() => rm(folder, { recursive: true, force: true }));

async function put(name: string, content: unknown): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

const ANNOTATIONS: unknown[] = [
  { id: 1, type: "generative", truth: ["tower", "swan"], hallu: ["comet"] },
  { id: 2, type: "discriminative-hallucination", truth: "no" },
  { id: 3, type: "relation", truth: "no" },
  { id: 4, type: "discriminative-attribute-number", truth: "yes" },
];
const QUERIES = [1, 2, 3, 4].map((id) => ({
  id,
  image: "AMBER_1.jpg",
  query: id === 1 ? "Describe it." : "Is it so?",
}));

async function files(annotations: unknown = ANNOTATIONS) {
  return {
    annotations: await put("annotations.json", annotations),
    queries: await put("query.json", QUERIES),
    relation: await put("relation.json", { tower: ["spire"], swan: [], comet: [] }),
    safeWords: await put("safe_words.txt", "line\nrange"),
  };
}

test("the official files become items with the table's words", async () => {
  const { items, words, settings } = await loadAmber(await files());
  assert.match(settings.words_sha256, /^[0-9a-f]{64}$/);
  assert.deepEqual(items[0], {
    itemId: "1",
    image: "AMBER_1.jpg",
    question: "Describe it.",
    task: "generative",
    truth: ["tower", "swan"],
    hallu: ["comet"],
  });
  assert.deepEqual(
    items.map((item) => (item.task === "generative" ? item.task : `${item.kind}: ${item.truth}`)),
    ["generative", "existence: no", "relation: no", "attribute-number: yes"],
  );
  assert.deepEqual([...words.safe], ["line", "range"]);
});

test("a description is scored from files alone", async () => {
  const { items, words } = await loadAmber(await files());
  const path = await put("answers.json", [
    { id: 1, response: "Two swans swim before a spire. Comets can be seen." },
    { id: 2, response: "No" },
    { id: 3, response: null, pYes: 0.1, pNo: 0.8 },
  ]);
  const answers = await loadAmberAnswers(path);
  assert.deepEqual(answers[2], { itemId: "3", text: null, pYes: 0.1, pNo: 0.8 });
  const { parts } = amberEvaluation(words).score(items[0]!, answers[0]!, [], "strict");
  assert.deepEqual(
    [parts["chair"], parts["cover"]],
    [
      { top: 1, bottom: 3 },
      { top: 2, bottom: 2 },
    ],
  );
});

test("nouns are lemmas, and a verb that looks like an object is none", () => {
  assert.deepEqual(nounsOf("Dogs can watch the children."), [
    { word: "dogs", lemma: "dog" },
    { word: "children", lemma: "child" },
  ]);
  assert.deepEqual(nounsOf(""), []);
});

test("what is wrong in a file is told by its name and item", async () => {
  const bad = await files([{ id: 1, type: "generative", truth: "tower", hallu: [] }, ...ANNOTATIONS.slice(1)]);
  await assert.rejects(loadAmber(bad), /annotations\.json, item 1: truth:/);
  await assert.rejects(
    loadAmber(await files([...ANNOTATIONS.slice(0, 3), { id: 4, type: "odd", truth: "no" }])),
    /item 4: type: not one of generative/,
  );
  await assert.rejects(loadAmber(await files(ANNOTATIONS.slice(1))), /has no item 1 of/);
  await assert.rejects(loadAmber(await files([...ANNOTATIONS, ANNOTATIONS[0]])), /has item 1 twice/);
  await assert.rejects(
    loadAmber({ ...(await files()), relation: join(folder, "none.json") }),
    /cannot read .*none\.json/,
  );
  await assert.rejects(loadAmberAnswers(await put("bad.json", "[{")), /bad\.json is not JSON/);
});
