import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { sceneItem } from "../../functions/evals/open-scenes.ts";
import { type SceneItem, scenesEvaluation } from "../../functions/evals/scenes.ts";
import { answerHash } from "../../shared/evaluation/digest.ts";
import { EvaluationRefused, evaluate } from "../../shared/evaluation/evaluate.ts";
import type { EvaluationBench } from "../../shared/evaluation/evaluation.ts";
import { EvaluationResult, type JudgeCall } from "../../shared/schemas/evaluation.ts";

const item = (number: number): SceneItem =>
  sceneItem({
    sampleId: `smp_${number}`,
    image: { sha256: String(number % 3).repeat(64), path: "p.png", width: 1, height: 1 },
    question: "Describe the picture.",
    metadata: { scene: { objects: [{ cell: 0, class: "dog" }] } },
  });
const ITEMS = Array.from({ length: 8 }, (_, number) => item(number));
const TEXTS = ["There is a dog.", "There is a cat.", "There is a dog and a cat.", null];
const ANSWERS = ITEMS.map(({ itemId }, at) => ({ itemId, text: TEXTS[at % 4]! }));
const OPTIONS = {
  ...{ mode: "strict" as const, seed: 1, confidence: 0.95, resamples: 200, settings: {} },
  answers: { source: "stored answers", model: null, revision: null },
};

/** A judge gives a number; the figure is its mean. */
const rated: EvaluationBench<SceneItem> = {
  ...scenesEvaluation,
  figures: [{ name: "rating", kind: "mean", better: "higher", meaning: "the judge's number" }],
  score(one, _answer, calls) {
    const ratings = calls.map(({ reply }) => Number(reply));
    const parts = { rating: { top: ratings.reduce((sum, value) => sum + value, 0), bottom: ratings.length } };
    return { itemId: one.itemId, cluster: one.image, groups: [], missing: ratings.length === 0, parts, detail: {} };
  },
};
const call = (at: number, repetition: number, reply: string): JudgeCall => ({
  ...{ itemId: ITEMS[at]!.itemId, kind: "rate", repetition, answerHash: answerHash(ANSWERS[at]!) },
  ...{ model: "judge", revision: "1", temperature: 0, promptHash: "p", reply },
});

test("A missing answer is counted and stands in no figure", () => {
  const { result } = evaluate(scenesEvaluation, { items: ITEMS, answers: ANSWERS, calls: [] }, OPTIONS);
  assert.equal(result.missing, 2);
  assert.equal(result.figures["words"]?.n, 6);
  assert.deepEqual(EvaluationResult.parse(result), result);
});

test("The order of items and answers changes no byte of the result", () => {
  const told = JSON.stringify(evaluate(scenesEvaluation, { items: ITEMS, answers: ANSWERS, calls: [] }, OPTIONS));
  const order = fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6, 7], { minLength: 8 });
  fc.assert(
    fc.property(order, order, (first, second) => {
      const inputs = { items: first.map((at) => ITEMS[at]!), answers: second.map((at) => ANSWERS[at]!), calls: [] };
      assert.equal(JSON.stringify(evaluate(scenesEvaluation, inputs, OPTIONS)), told);
    }),
    { numRuns: 20 },
  );
});

test("The spread is the deviation of a figure over the judge's repetitions", () => {
  const calls = [call(0, 0, "2"), call(0, 1, "4"), call(1, 0, "2"), call(1, 1, "4")];
  const { result } = evaluate(rated, { items: ITEMS, answers: ANSWERS, calls }, OPTIONS);
  assert.equal(result.figures["rating"]?.value, 3);
  assert.equal(result.spread["rating"], Math.SQRT2);
  assert.deepEqual([result.judge?.repetitions, result.judge?.calls], [2, 4]);
});

test("A judge call about another answer is refused with the item's name", () => {
  const calls = [{ ...call(0, 0, "2"), answerHash: "0".repeat(64) }];
  const run = () => evaluate(rated, { items: ITEMS, answers: ANSWERS, calls }, OPTIONS);
  assert.throws(run, (error) => error instanceof EvaluationRefused && error.message.includes("smp_0"));
});

test("Answers to unknown items, two answers to one, and two judges are refused", () => {
  const run = (answers: typeof ANSWERS, calls: JudgeCall[]) => () =>
    evaluate(rated, { items: ITEMS, answers, calls }, OPTIONS);
  assert.throws(run([...ANSWERS, { itemId: "other", text: "x" }], []), /other is not in this benchmark/);
  assert.throws(run([...ANSWERS, ANSWERS[0]!], []), /smp_0 has two answers/);
  assert.throws(run(ANSWERS, [call(0, 0, "2"), { ...call(0, 1, "2"), model: "other" }]), /two judges/);
});
