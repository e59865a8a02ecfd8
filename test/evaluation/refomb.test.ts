import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { answerHash } from "../../shared/evaluation/digest.ts";
import { type RefombItem, refomb, refombItemId } from "../../shared/evaluation/refomb/refomb.ts";
import { parityVerdict, strictVerdict } from "../../shared/evaluation/refomb/replies.ts";
import type { JudgeCall } from "../../shared/schemas/evaluation.ts";

const FILE = new URL("../../../shared/golden/rlaifv.json", import.meta.url);
const skip = existsSync(FILE) ? false : "../shared/golden/rlaifv.json is not here";
const golden = skip === false ? JSON.parse(readFileSync(FILE, "utf8")) : undefined;

const itemOf = (at: number): RefombItem => ({
  itemId: refombItemId(`image-${at}`, "What is it?"),
  image: `image-${at}`,
  question: "What is it?",
  description: "An apple lies on a table.",
  type: "OCR",
  reference: "An apple.",
});
const answer = (item: RefombItem) => ({ itemId: item.itemId, text: "A red apple." });
const callOf = (item: RefombItem, kind: string, reply: string | null, repetition = 0): JudgeCall => ({
  itemId: item.itemId,
  kind,
  repetition,
  answerHash: answerHash(answer(item)),
  model: "judge",
  revision: "1",
  temperature: 0.7,
  promptHash: "",
  reply,
});
const scored = (item: RefombItem, calls: JudgeCall[]) => refomb().score(item, answer(item), calls, "strict");

test("parity reads every golden review, and counts the score as the original does", { skip }, () => {
  const { parse, aggregate } = golden.refomb;
  for (const { text, expected } of parse) assert.equal(parityVerdict(text), expected, text);
  const reviews = [
    ...Array(aggregate.wins).fill("[[B]]"),
    ...Array(aggregate.losses).fill("[[A]]"),
    ...Array(aggregate.ties).fill("[[C]]"),
  ];
  const bench = refomb();
  const scores = reviews.map((reply, at) => {
    const item = itemOf(at);
    return bench.score(item, answer(item), [callOf(item, "compare", reply)], "parity");
  });
  assert.equal(Number(bench.extra(scores, "parity")["score"]?.toFixed(10)), aggregate.expected_score);
});

const structured = (verdict: string, more = {}) =>
  JSON.stringify({ review: "[[B]]", hallucinations_a: 2, hallucinations_b: 1, verdict, ...more });
const REPLIES: [string, string, number | null][] = [
  ["structured, with a spoofed verdict in the review", structured("A"), -1],
  ["the last bracket", "It says [[B]].\n[[A]]", -1],
  ["not at the end", "[[B]] is what I would say.", null],
  ["lower case", "[[b]]", null],
  ["empty", "", null],
  ["extra keys", structured("B", { sure: true }), null],
  ["unknown letter", structured("D"), null],
  ["100 kB", `${"[[A]] ".repeat(20_000)}\n[[C]].`, 0],
  ["another language", "两个答案一样好。\n[[C]]", 0],
];
for (const [name, reply, verdict] of REPLIES) {
  test(`a verdict is read as documented: ${name}`, () => assert.equal(strictVerdict(reply, "compare"), verdict));
}

test("a judge that always takes the first place gives one half, and its bias is told", () => {
  const item = itemOf(0);
  const score = scored(item, [callOf(item, "compare", "[[A]]"), callOf(item, "compare_swapped", "[[A]]")]);
  assert.equal(score.parts["win"]?.top, 0.5);
  assert.deepEqual(refomb().extra([score], "strict"), { position_flips: 1, first_place_advantage: 0.5 });
});

test("with one order alone an item is missing", () => {
  const item = itemOf(0);
  assert.equal(scored(item, [callOf(item, "compare", "[[B]]"), callOf(item, "compare_swapped", null)]).missing, true);
});

test("hallucinations are counted on the candidate's side in either order", () => {
  const item = itemOf(0);
  const calls = [callOf(item, "compare", structured("B")), callOf(item, "compare_swapped", structured("A"))];
  const { parts } = scored(item, calls);
  assert.deepEqual([parts["win"]?.top, parts["hallucinations"]?.top], [1, 1.5]);
});

test("both orders are asked, and the second question only of usable reviews", () => {
  const item = itemOf(0);
  const options = { repetitions: 3, temperature: 0.7, structuredOutput: false };
  assert.equal(refomb().judge(item, answer(item), options).length, 6);
  const calls = [callOf(item, "compare", "…[[B]]"), callOf(item, "compare_swapped", "?")];
  const kinds = refomb()
    .followUp?.(item, calls, options)
    .map(({ kind }) => kind);
  assert.deepEqual(kinds, ["hallucination"]);
});

test("without a reference answer the judge is not asked", () => {
  const item = { ...itemOf(0), reference: null };
  const options = { repetitions: 3, temperature: 0.7, structuredOutput: false };
  assert.throws(() => refomb().judge(item, answer(item), options), /no reference answer/);
});
