import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type PopeItem, popeEvaluation } from "../../shared/evaluation/pope/pope.ts";
import { leadingYesNo, popeYesNo, readYesNo } from "../../shared/evaluation/pope/yes-no.ts";
import type { EvaluationAnswer, EvaluationMode } from "../../shared/schemas/evaluation.ts";

type Row = { label: "yes" | "no"; text: string | null; pYes?: number; pNo?: number; setting?: string };

function scored(rows: readonly Row[], mode: EvaluationMode) {
  return rows.map(({ label, setting = "random", ...answer }, at) => {
    const item: PopeItem = {
      itemId: `${setting}/${at}`,
      image: `${at}.jpg`,
      question: "Is there a cat?",
      label,
      setting,
    };
    return popeEvaluation.score(item, { itemId: item.itemId, ...answer } as EvaluationAnswer, [], mode);
  });
}

const figure = (scores: ReturnType<typeof scored>, name: string) => {
  const parts = scores.map((score) => score.parts[name] ?? { top: 0, bottom: 0 });
  return parts.reduce((sum, { top }) => sum + top, 0) / parts.reduce((sum, { bottom }) => sum + bottom, 0);
};

const ROWS: Row[] = [
  { label: "yes", text: "Yes, there is a cat." }, // TP
  { label: "yes", text: "yes" }, // TP
  { label: "yes", text: "No." }, // FN
  { label: "no", text: "Yes" }, // FP
  { label: "no", text: "No, it is a dog" }, // TN
  { label: "no", text: "I cannot tell" }, // undecided; the original: yes, FP
];

test("strict figures are those of the decided answers", () => {
  const scores = scored(ROWS, "strict");
  assert.equal(figure(scores, "accuracy"), 3 / 5); // 2 TP + 1 TN of 5
  assert.equal(figure(scores, "precision"), 2 / 3); // 2 TP of 3 yes
  assert.equal(figure(scores, "recall"), 2 / 3); // 2 TP of 3 there
  assert.equal(figure(scores, "f1"), 4 / 6); // 2·2 / (3 + 3)
  assert.equal(figure(scores, "yes_ratio"), 3 / 5);
  assert.equal(figure(scores, "undecided"), 1 / 6);
  assert.deepEqual(
    scores.map(({ missing }) => missing),
    [false, false, false, false, false, true],
  );
  assert.deepEqual(popeEvaluation.extra(scores, "strict"), {});
});

test("parity prints the original's numbers, an answer without a no being a yes", () => {
  const extra = popeEvaluation.extra(scored(ROWS, "parity"), "parity");
  // TP 2, FN 1, FP 2, TN 1: accuracy 3/6, precision 2/4, recall 2/3, F1 2·(1/2)(2/3)/(7/6), yes 4/6
  const [precision, recall] = [2 / 4, 2 / 3];
  assert.deepEqual(extra, {
    "random: Accuracy": 3 / 6,
    "random: Precision": precision,
    "random: Recall": recall,
    "random: F1 score": (2 * precision * recall) / (precision + recall),
    "random: Yes ratio": 4 / 6,
  });
});

test("each setting is told for itself; what would divide by zero is null", () => {
  const scores = scored(
    [
      { label: "no", text: "no", setting: "popular" },
      { label: "yes", text: "yes" },
    ],
    "parity",
  );
  const extra = popeEvaluation.extra(scores, "parity");
  assert.equal(extra["popular: Precision"], null);
  assert.equal(extra["popular: F1 score"], null);
  assert.equal(extra["random: F1 score"], 1);
  assert.deepEqual(scores[0]!.groups, ["setting: popular"]);
});

test("the original's rule reads the first sentence, by exact words", () => {
  assert.equal(popeYesNo("There is not, I think. Yes"), "no");
  assert.equal(popeYesNo("Yes. There is no dog."), "yes");
  assert.equal(popeYesNo("NO"), "yes");
  assert.equal(popeYesNo("No, sir"), "no");
  assert.equal(popeYesNo("No!"), "yes");
  assert.equal(popeYesNo(""), "yes");
});

test("strict reading takes the leading word and nothing else", () => {
  for (const text of ["Yes", " yes.", "**Yes**", '"YES"', "Yes, no doubt"])
    assert.equal(leadingYesNo(text), "yes", text);
  for (const text of ["No", "no!", "- No"]) assert.equal(leadingYesNo(text), "no", text);
  for (const text of [
    "",
    "Yes and no",
    "yes/no",
    "No or yes",
    "Nothing",
    "yesterday",
    "Not sure",
    "Oui",
    "rating: 60",
  ]) {
    assert.equal(leadingYesNo(text), undefined, text);
  }
});

test("probabilities go before the text where they say something", () => {
  const read = (text: string, pYes?: number, pNo?: number) =>
    readYesNo({ itemId: "1", text, ...(pYes === undefined ? {} : { pYes }), ...(pNo === undefined ? {} : { pNo }) });
  assert.deepEqual(read("Maybe", 0.6, 0.3), { said: "yes", by: "probabilities" });
  assert.deepEqual(read("Yes", 0.3, 0.6), { said: "no", by: "probabilities" });
  assert.deepEqual(read("**No**", 0.01, 0.02), { said: "no", by: "text" });
  assert.deepEqual(read("Hm", 0.5, 0.5), { said: undefined, by: "text" });
  assert.deepEqual(read("Yes", 0.9), { said: "yes", by: "text" });
});

test("no answer is missing, whatever the mode", () => {
  for (const mode of ["strict", "parity"] as const) {
    assert.deepEqual(scored([{ label: "yes", text: null }], mode)[0]!.parts, {});
  }
});

test("no text throws or counts twice", () => {
  fc.assert(
    fc.property(fc.string(), fc.constantFrom("strict" as const, "parity" as const), (text, mode) => {
      const [score] = scored([{ label: "no", text }], mode);
      assert.equal(score!.parts["undecided"]!.bottom, 1);
    }),
  );
});

test("a question asks for the first token's probabilities and no judge", () => {
  const item: PopeItem = {
    itemId: "random/1",
    image: "a",
    question: "Is there a cat?",
    label: "yes",
    setting: "random",
  };
  const body = popeEvaluation.ask(item);
  assert.deepEqual([body.logprobs, body.temperature], [true, 0]);
  assert.deepEqual(
    popeEvaluation.judge(
      item,
      { itemId: item.itemId, text: "Yes" },
      { repetitions: 3, temperature: 0, structuredOutput: true },
    ),
    [],
  );
});
