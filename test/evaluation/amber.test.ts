import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type AmberItem, type AmberKind, amberEvaluation } from "../../shared/evaluation/amber/amber.ts";
import { round1 } from "../../shared/evaluation/amber/printed.ts";
import type { EvaluationMode, ItemScore } from "../../shared/schemas/evaluation.ts";

/** A word table of our own in the layout of relation.json. */
const bench = amberEvaluation({
  association: {
    tower: ["spire", "roof"],
    roof: ["tile"],
    pond: ["pool"],
    swan: [],
    robot: ["machine"],
    comet: [],
    sunglasses: [],
  },
  safe: new Set(["machine"]),
  nouns: (text) => (text.toLowerCase().match(/[a-z]+/g) ?? []).map((word) => ({ word, lemma: word.replace(/s$/, "") })),
  extraction: "a toy tokenizer",
});

const picture = (id: number, truth: string[], hallu: string[]): AmberItem => ({
  itemId: `${id}`,
  image: `${id}.jpg`,
  question: "Describe this image.",
  task: "generative",
  truth,
  hallu,
});

const question = (id: number, kind: AmberKind, truth: "yes" | "no"): AmberItem => ({
  itemId: `${id}`,
  image: `${id}.jpg`,
  question: "Is there a swan?",
  task: "discriminative",
  kind,
  truth,
});

const score = (item: AmberItem, text: string | null, mode: EvaluationMode = "strict") =>
  bench.score(item, { itemId: item.itemId, text }, [], mode);

const figure = (scores: readonly ItemScore[], name: string) => {
  const parts = scores.flatMap((one) => one.parts[name] ?? []);
  return parts.reduce((sum, { top }) => sum + top, 0) / parts.reduce((sum, { bottom }) => sum + bottom, 0);
};

const LAKE = picture(1, ["tower", "roof", "swan", "swan"], ["robot", "comet"]);
const DESCRIPTIONS = [
  // mentions: tile roof swan swan robot pond → 6; wrong: robot, pond; a target: robot
  score(LAKE, "tile roof beside swan and swan with robot in pond"),
  // mentions: pond machine → 2, machine is safe; nothing wrong
  score(picture(2, ["pond"], ["comet"]), "pond and machine"),
];

test("a description's figures are those by hand", () => {
  assert.deepEqual(DESCRIPTIONS[0]!.detail["hallucinated"], ["robot", "pond"]);
  assert.equal(figure(DESCRIPTIONS, "chair"), 2 / 8); // of 6 + 2 mentions
  assert.equal(figure(DESCRIPTIONS, "cover"), 3 / 4); // roof, swan; pond: of tower, roof, swan; pond
  assert.equal(figure(DESCRIPTIONS, "hal"), 1 / 2);
  assert.equal(figure(DESCRIPTIONS, "cog"), 1 / 8); // the paper: of the mentions
  assert.equal(figure(DESCRIPTIONS, "cog_targets"), 1 / 3); // robot: of robot, comet; comet
});

test("parity covers as the script's lists do, and prints with its small additions", () => {
  // truth tower, roof, swan, swan; the script looks associations up first: "roof" is tower's, "tile" is roof's
  const scores = [
    score(LAKE, "roof beside swan with robot", "parity"), // marks tower and the first swan: 2 of 4; 1 of 3 wrong
    score(question(1005, "existence", "no"), "No", "parity"), // right
    score(question(1006, "existence", "no"), "Yes", "parity"), // wrong
    score(question(1007, "attribute-state", "yes"), "Yes.", "parity"), // not to the letter: wrong, no "no"
    score(question(1008, "relation", "yes"), "No", "parity"), // wrong, a false "no"
  ];
  assert.deepEqual(scores[0]!.parts["cover"], { top: 2, bottom: 4 });
  const printed = bench.extra(scores, "parity");
  assert.equal(printed["CHAIR"], 33.3); // 1 / 3.001 = 33.32 %
  assert.equal(printed["Cover"], 50); // 2 / 4.001 = 49.99 %
  assert.equal(printed["Hal"], 100); // 100 − 0 / 1.001
  assert.equal(printed["Cog"], 50); // robot: 1 / 2.001 = 49.98 %
  assert.equal(printed["discriminative: Accuracy"], 25); // 1 / 4.001 = 24.99 %
  assert.equal(printed["discriminative: Precision"], 50); // of two "no": 1 / 2.001
  assert.equal(printed["discriminative: Recall"], 50); // of two that are "no": 1 / 2.001
  assert.equal(printed["discriminative: F1"], 50); // 2·0.5·0.5 / 1.0001 = 49.995 %, rounds to 50.0
  assert.equal(printed["existence: Precision"], 99.9); // 1 / 1.001 = 99.90 %
  assert.equal(printed["existence: F1"], 66.6); // 2·0.999·0.5 / (1.499 + 0.001) = 66.6 %
  assert.equal(printed["attribute: Accuracy"], 0);
  assert.equal(printed["attribute-state: F1"], 0);
  assert.equal(printed["relation: Precision"], 0);
});

test("questions count no as the positive class; an answer that says neither is missing", () => {
  const scores = [
    score(question(1, "existence", "no"), "No, there is none."), // caught
    score(question(2, "existence", "no"), "Yes"), // not caught
    score(question(3, "attribute-number", "yes"), "no"), // a false no
    score(question(4, "relation", "yes"), "Yes, they touch"),
    score(question(5, "relation", "yes"), "Perhaps"),
  ];
  assert.equal(figure(scores, "accuracy"), 2 / 4);
  assert.equal(figure(scores, "precision"), 1 / 2); // of two "no"
  assert.equal(figure(scores, "recall"), 1 / 2); // of two that are "no"
  assert.equal(figure(scores, "f1"), 2 / 4); // 2·1 / (2 + 2)
  assert.equal(figure(scores, "undecided"), 1 / 5);
  assert.equal(scores[4]!.missing, true);
  assert.deepEqual(scores[2]!.groups, ["discriminative", "attribute", "attribute-number"]);
  const all = [...DESCRIPTIONS, ...scores];
  assert.equal(bench.extra(all, "strict")["amber_score"], (1 - 2 / 8 + 2 / 4) / 2);
  assert.equal(bench.extra(scores, "strict")["amber_score"], null);
});

test("probabilities answer a question in strict mode", () => {
  const item = question(1, "existence", "no");
  const answer = { itemId: "1", text: "Well", pYes: 0.2, pNo: 0.7 };
  assert.equal(bench.score(item, answer, [], "strict").detail["said"], "no");
  assert.equal(bench.score(item, answer, [], "parity").detail["said"], null);
});

const WORDS = ["tower", "roof", "tile", "swan", "robot", "comet", "pond", "pool", "machine", "the"];
const sentence = fc.array(fc.constantFrom(...WORDS), { maxLength: 8 });

test("one more hallucinated object never lowers CHAIR, Hal or Cog, nor moves Cover", () => {
  fc.assert(
    fc.property(sentence, fc.constantFrom("strict" as const, "parity" as const), (words, mode) => {
      const value = (text: string, name: string) => {
        const { top, bottom } = score(LAKE, text, mode).parts[name]!;
        return bottom === 0 ? 0 : top / bottom;
      };
      const [before, after] = [words.join(" "), [...words, "comet"].join(" ")];
      for (const name of ["chair", "hal", "cog", "cog_targets"]) assert.ok(value(after, name) >= value(before, name));
      assert.equal(value(after, "cover"), value(before, "cover"));
    }),
  );
});

test("the order of an answer's words changes no figure, and no text throws", () => {
  fc.assert(
    fc.property(sentence, (words) => {
      assert.deepEqual(score(LAKE, words.toReversed().join(" ")).parts, score(LAKE, words.join(" ")).parts);
    }),
  );
  fc.assert(fc.property(fc.string(), (text) => assert.equal(score(LAKE, text).parts["hal"]!.bottom, 1)));
  for (const text of ["constructor", "__proto__ toString", ""]) assert.equal(figure([score(LAKE, text)], "hal"), 0);
});

test("a repeated mention counts again for CHAIR, once for Cover", () => {
  const { parts } = score(picture(1, ["swan"], ["comet"]), "swan swan comet comet");
  assert.deepEqual(
    [parts["chair"], parts["cover"]],
    [
      { top: 2, bottom: 4 },
      { top: 1, bottom: 1 },
    ],
  );
  assert.deepEqual(parts["cog_targets"], { top: 1, bottom: 1 });
});

test("a word that the table has in the plural only is found, too", () => {
  const { parts } = score(picture(1, ["sunglasses", "swan"], []), "swans with sunglasses");
  assert.deepEqual(parts["cover"], { top: 2, bottom: 2 });
});

test("no answer is missing, no judge is asked, and the notes tell what differs", () => {
  assert.deepEqual(score(LAKE, null).parts, {});
  assert.deepEqual(
    bench.judge(LAKE, { itemId: "1", text: "x" }, { repetitions: 1, temperature: 0, structuredOutput: true }),
    [],
  );
  assert.match(bench.notes("strict").join(" "), /toy tokenizer.*similarity above 0\.8.*paper's/s);
  assert.equal(bench.ask(LAKE).logprobs, undefined);
  assert.equal(bench.ask(question(1, "relation", "no")).logprobs, true);
});

test("rounding is Python's: exact ties go to the even digit", () => {
  // 0.25, 0.75, 12.25 are exact ties in binary; 0.35 lies below the tie (0.34999…), 2.675·10 has no part in this
  assert.deepEqual([0.25, 0.75, 12.25, 0.35, 33.32, 100].map(round1), [0.2, 0.8, 12.2, 0.3, 33.3, 100]);
});
