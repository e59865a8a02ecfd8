import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { RlaifvPairsInput } from "../../functions/rlaifv-files/options.ts";
import { pairsFromFiles } from "../../functions/rlaifv-files/pairs.ts";
import { golden, withoutGolden } from "../support/golden.ts";
import { type AnswerRow, answerRow, labelRows, NO, type Scores, YES } from "./rlaifv-rows.ts";

let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "rlaifv-pairs-"));
});
after(() => rm(folder, { recursive: true, force: true }));

type PairRecord = {
  image_id: string;
  image_path: string;
  ds_question_id: string;
  question: string;
  chosen: string;
  rejected: string;
  org_infos: {
    reference: string;
    origin_file: string;
    chosen_infos: { facts: string[] };
    scores: { chosen: { judge: Record<string, string>; score: string }; rejected: { score: string } };
  };
};

type Labels = "jsonl" | "array" | "one line";

async function makePairs(answers: string, labels: string, options: Partial<RlaifvPairsInput> = {}) {
  const paths = {
    answers: join(folder, "x.gq.jsonl"),
    labels: join(folder, "autocheck.jsonl"),
    out: join(folder, "pairs.jsonl"),
  };
  await writeFile(paths.answers, answers);
  await writeFile(paths.labels, labels);
  const summary = await pairsFromFiles({ ...paths, perQuestion: "all", ...options });
  const text = await readFile(paths.out, "utf8");
  return {
    summary,
    text,
    pairs: text
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line) as PairRecord),
  };
}

const jsonl = (rows: readonly unknown[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join("");

function written(rows: readonly unknown[], form: Labels): string {
  if (form === "jsonl") return jsonl(rows);
  return form === "array" ? JSON.stringify(rows, null, 2) : JSON.stringify(rows);
}

/** Answers whose claims are all accepted but the first `rejected` ones. */
function judged(specs: readonly { answer: AnswerRow; rejected: number }[]): unknown[] {
  return specs.flatMap(({ answer, rejected }) =>
    labelRows(answer, (question) => (answer.changed_facts.indexOf(question) < rejected ? NO : YES)),
  );
}

for (const form of ["jsonl", "array", "one line"] as const) {
  test(`RLAIF-V's own example gives RLAIF-V's own pairs, with labels as ${form}`, { skip: withoutGolden }, async () => {
    const { divided_records, labeler_probs_by_question, expected_pairs } = golden().end_to_end_feedback;
    const answers = divided_records as unknown as AnswerRow[];
    const rows = answers.flatMap((answer) =>
      labelRows(answer, (question) => (labeler_probs_by_question as Record<string, Scores>)[question]!),
    );
    const { summary, pairs } = await makePairs(jsonl(answers), written(rows, form));
    assert.deepEqual(
      pairs.map((pair) => ({
        image_id: pair.image_id,
        image_path: pair.image_path,
        ds_question_id: pair.ds_question_id,
        question: pair.question,
        chosen: pair.chosen,
        rejected: pair.rejected,
        scores: pair.org_infos.scores,
        reference: pair.org_infos.reference,
      })),
      expected_pairs,
    );
    assert.deepEqual(summary.droppedAnswers, { question_count_mismatch: 2, not_judged: 1 });
  });
}

test("strict mode carries the reference that RLAIF-V loses", { skip: withoutGolden }, async () => {
  const { divided_records, labeler_probs_by_question } = golden().end_to_end_feedback;
  const answers = divided_records as unknown as AnswerRow[];
  const rows = answers.flatMap((answer) =>
    labelRows(answer, (question) => (labeler_probs_by_question as Record<string, Scores>)[question]!),
  );
  const { pairs } = await makePairs(jsonl(answers), jsonl(rows), { mode: "strict" });
  assert.deepEqual(
    pairs.map((pair) => pair.org_infos.reference),
    ["ref text", ""],
  );
});

test("a question that comes back later in the file is left out, as in RLAIF-V", async () => {
  const answers = [
    answerRow(0, { facts: ["a"] }),
    answerRow(1, { facts: ["b"] }),
    answerRow(2, { raw_question: "What else?", facts: ["c"] }),
    answerRow(3, { facts: ["d"] }),
  ];
  const rows = judged([0, 1, 0, 1].map((rejected, at) => ({ answer: answers[at]!, rejected })));
  const { summary, pairs } = await makePairs(jsonl(answers), jsonl(rows));
  assert.deepEqual(
    pairs.map((pair) => [pair.chosen, pair.rejected]),
    [["answer 0", "answer 1"]],
  );
  assert.deepEqual(summary.droppedAnswers, { later_run: 1 });
});

test("questions that share a ds_question_id share the cap in parity mode and have their own in strict mode", async () => {
  const answers = [0, 1, 2, 3, 4, 5].map((id) =>
    answerRow(id, { raw_question: id < 3 ? "One?" : "Two?", facts: ["a", "b"] }),
  );
  const rows = judged([0, 1, 2, 0, 1, 2].map((rejected, at) => ({ answer: answers[at]!, rejected })));
  const parity = await makePairs(jsonl(answers), jsonl(rows), { perQuestion: 2 });
  const strict = await makePairs(jsonl(answers), jsonl(rows), { perQuestion: 2, mode: "strict" });
  assert.equal(parity.pairs.length, 2);
  assert.equal(strict.pairs.length, 4);
  assert.equal(parity.summary.droppedPairs.overCap, 4);
});

test("the same seed gives the same bytes and another seed another draw", async () => {
  const answers = Array.from({ length: 60 }, (_, id) =>
    answerRow(id, { ds_question_id: `img ${Math.floor(id / 10)}`, facts: ["a", "b", "c"] }),
  );
  const rows = judged(answers.map((answer, at) => ({ answer, rejected: at % 4 })));
  const first = await makePairs(jsonl(answers), jsonl(rows), { perQuestion: 2, seed: 7 });
  const again = await makePairs(jsonl(answers), jsonl(rows), { perQuestion: 2, seed: 7 });
  const other = await makePairs(jsonl(answers), jsonl(rows), { perQuestion: 2, seed: 8 });
  assert.equal(first.text, again.text);
  assert.notEqual(first.text, other.text);
});

test("an @ in the question, escapes and other scripts come through unharmed", async () => {
  const question = 'What is "@home" in 東京?';
  const answers = [
    answerRow(0, { raw_question: question, answer: "A\tcafé – “ok” \\ 東京", facts: ['sign "x"'] }),
    answerRow(1, { raw_question: question, answer: "no 🚲", facts: ["é"] }),
  ];
  const rows = judged([
    { answer: answers[0]!, rejected: 0 },
    { answer: answers[1]!, rejected: 1 },
  ]);
  const escaped = jsonl(rows).replace(
    /[^\x20-\x7e\n]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  const { pairs } = await makePairs(jsonl(answers), escaped);
  assert.deepEqual(
    pairs.map(({ question: asked, chosen, rejected }) => ({ asked, chosen, rejected })),
    [{ asked: question, chosen: answers[0]!.answer, rejected: answers[1]!.answer }],
  );
  assert.deepEqual(pairs[0]!.org_infos.scores.chosen.judge, { 'sign "x"? Please answer yes or no.': "1" });
  assert.deepEqual(pairs[0]!.org_infos.chosen_infos.facts, ['sign "x"']);
});

test("broken lines and rows without scores are named and the rest goes on", async () => {
  const answers = [answerRow(0, { facts: ["a"] }), answerRow(1, { facts: ["b"] }), answerRow(2, { facts: ["c"] })];
  const rows = judged([0, 1, 1].map((rejected, at) => ({ answer: answers[at]!, rejected })));
  delete (rows[2] as { scores?: unknown }).scores;
  const { summary, pairs } = await makePairs(
    `${jsonl(answers.slice(0, 1))}{"question_id": 9, "answer": "cut\n${jsonl(answers.slice(1))}`,
    jsonl(rows),
  );
  assert.equal(pairs.length, 1);
  assert.equal(summary.badRecords, 2);
  assert.match(summary.issues[0]!.reason, /scores\.yes is missing/);
  assert.equal(summary.issues[1]!.record, 2);
});

test("files without any pair give an empty file and a summary", async () => {
  const { summary, text } = await makePairs("", "[]", { balance: true });
  assert.equal(text, "");
  assert.equal(summary.pairs, 0);
  assert.equal(summary.meanChosenWords, null);
  assert.equal(summary.balance?.ratio, null);
});

test("two answers with one question_id stop the work with advice and leave no file behind", async () => {
  const answers = [answerRow(0, {}), answerRow(0, {})];
  await rm(join(folder, "pairs.jsonl"), { force: true });
  await assert.rejects(
    makePairs(jsonl(answers), "[]"),
    /record 2: question_id 0 stands at two answers; give every answer an id of its own/,
  );
  assert.deepEqual(
    (await readdir(folder)).filter((name) => name.startsWith("pairs")),
    [],
  );
});

test("a label array that breaks off is refused with the byte where it does", async () => {
  const answers = [answerRow(0, {})];
  const array = JSON.stringify(judged([{ answer: answers[0]!, rejected: 0 }]));
  await assert.rejects(
    makePairs(jsonl(answers), array.slice(0, -20)),
    /not a whole JSON array \(byte 1, after 0 records\)/,
  );
  await assert.rejects(makePairs(jsonl(answers), array.slice(0, -1)), /the array is not closed/);
});

test("records larger than the read buffer are read whole", async () => {
  const long = "word ".repeat(1_200_000);
  const answers = [answerRow(0, { answer: long, facts: ["a"] }), answerRow(1, { facts: ["b"] })];
  const rows = judged([0, 1].map((rejected, at) => ({ answer: answers[at]!, rejected })));
  const { pairs, summary } = await makePairs(jsonl(answers), JSON.stringify(rows));
  assert.equal(pairs[0]!.chosen, long);
  assert.equal(summary.meanChosenWords, 1_200_000);
});

test("the balance takes out pairs whose better answer is much shorter and keeps the rest in order", {
  skip: withoutGolden,
}, async () => {
  const words = (count: number, word: string) => Array.from({ length: count }, () => word).join(" ");
  const lengths = golden().length_balance.cases[0]!.lengths_chosen_rejected as [number, number][];
  const answers = lengths.flatMap(([chosen, rejected], at) => [
    answerRow(2 * at, { ds_question_id: `img ${at}`, answer: words(chosen, "c"), facts: ["a"] }),
    answerRow(2 * at + 1, { ds_question_id: `img ${at}`, answer: words(rejected, "r"), facts: ["a"] }),
  ]);
  const rows = judged(answers.map((answer, at) => ({ answer, rejected: at % 2 })));
  const { pairs, summary } = await makePairs(jsonl(answers), jsonl(rows), { balance: true });
  const { expected } = golden().length_balance.cases[0]!;
  assert.deepEqual(
    pairs.map((pair) => pair.ds_question_id),
    expected.kept_indices.map((at) => `img ${at}`),
  );
  assert.equal(summary.balance?.ratio, expected.ratio);
  assert.equal(summary.droppedPairs.chosenTooShort, lengths.length - expected.kept_indices.length);
});

test("a file that is not there is named, with the system's code", async () => {
  const missing = {
    answers: join(folder, "none.jsonl"),
    labels: join(folder, "none.json"),
    out: join(folder, "pairs.jsonl"),
  };
  await assert.rejects(pairsFromFiles(missing), { code: "ENOENT", message: /none\.json/ });
});

test("an option out of its range is refused by name before any work", async () => {
  await assert.rejects(makePairs("", "", { minGap: 0 }), /minGap/);
});
