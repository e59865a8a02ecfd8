import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { bestAnswer, bestOfSamples } from "../../shared/evaluation/best-by-claims.ts";
import { compare, measure } from "../../shared/evaluation/measure.ts";
import { type Compared, selectCheckpoint } from "../../shared/evaluation/select.ts";
import { selectionTests } from "../../shared/evaluation/select-tests.ts";
import { truncateToMean } from "../../shared/evaluation/truncate.ts";
import { Selection, SelectionTests } from "../../shared/schemas/report.ts";
import { answer, OPTIONS, sample, toyBench } from "./fixtures.ts";

test("best-of-N takes the answer with the fewest rejected claims, then the surer one, then the earlier", () => {
  const worst = answer({ says: ["cat", "dog"], verdicts: ["rejected", "rejected"] }, 0);
  const doubtful = answer({ says: ["cat", "sun"], verdicts: ["accepted", "abstained"] }, 1);
  const sure = answer({ says: ["cat", "sun", "cup"] }, 2);
  const asSure = answer({ says: ["hat"] }, 3);
  const failed = answer({ says: [], failed: true }, 4);
  assert.equal(bestAnswer([failed, worst, doubtful, sure, asSure])?.index, 2);
  assert.equal(bestAnswer([failed, worst, doubtful, sure, asSure], 2)?.index, 0);
  assert.equal(bestAnswer([failed])?.index, 4);
  assert.equal(bestAnswer([]), undefined);
});

test("more answers to choose from never give more rejected claims", () => {
  const candidate = fc
    .array(fc.constantFrom("accepted" as const, "rejected" as const), { minLength: 1, maxLength: 5 })
    .map((verdicts) => answer({ says: verdicts.map(() => "cat"), verdicts }));
  fc.assert(
    fc.property(fc.array(candidate, { minLength: 2, maxLength: 8 }), (candidates) => {
      const scores = candidates.map((_, at) => bestAnswer(candidates, at + 1)!.score!);
      assert.deepEqual(
        scores,
        [...scores].sort((a, b) => a - b),
      );
    }),
  );
});

test("a sample measured by its best answer has one answer", () => {
  const [best] = bestOfSamples(
    [sample("one", ["cat"], [{ says: ["dog"], verdicts: ["rejected"] }, { says: ["cat"] }])],
    8,
  );
  assert.deepEqual(
    best?.candidates.map(({ text }) => text),
    ["a cat."],
  );
});

test("truncation takes last sentences until the base is as short as the aligned model, and no claim list stays", () => {
  const base = Array.from({ length: 400 }, (_, at) =>
    sample(`image ${at}`, ["cat"], [{ says: ["cat", "cup", "hat", "sun"] }]),
  );
  const { samples, drop } = truncateToMean(toyBench, base, { base: 4, aligned: 2.7 }, 3);
  const figures = measure(toyBench, samples, OPTIONS);
  assert.ok(Math.abs(drop - 1.3) < 1e-12 && Math.abs(figures.sentences.value! - 2.7) < 0.1);
  assert.equal(samples[0]?.candidates[0]?.text.startsWith("a cat."), true);
  assert.deepEqual([figures.claims.value, figures.recall.value], [null, 1]);
  assert.deepEqual(truncateToMean(toyBench, base, { base: 4, aligned: 2.7 }, 3).samples, samples);
});

test("truncation leaves a base alone that is not longer, and never empties an answer", () => {
  const base = [sample("one", ["cat"], [{ says: ["cat", "cup"] }, { says: ["cat"] }])];
  assert.deepEqual(truncateToMean(toyBench, base, { base: 2, aligned: 3 }, 1), { samples: base, drop: 0 });
  const texts = truncateToMean(toyBench, base, { base: 9, aligned: 1 }, 1).samples[0]?.candidates.map(
    ({ text }) => text,
  );
  assert.deepEqual(texts, ["a cat.", "a cat."]);
});

const figuresOf = (says: readonly (readonly string[])[]) =>
  measure(
    toyBench,
    says.map((words, at) => sample(`image ${at}`, ["cat", "cup"], [{ says: words }])),
    OPTIONS,
  );
const compared = (step: number, says: readonly (readonly string[])[]): Compared => ({
  checkpoint: `run-s${step}`,
  step,
  metrics: figuresOf(says),
});
const start = figuresOf([
  ["cat", "cup", "dog"],
  ["cat", "cup", "dog"],
]);
const honest = compared(10, [
  ["cat", "cup", "hat"],
  ["cup", "cat", "cat"],
]);
const brief = compared(20, [["cat"], ["cup"]]);

test("the checkpoint with the least hallucination is promoted if it says as much as before", () => {
  const selection = selectCheckpoint([honest, brief], start, {
    tolerance: { recall: 0.02, words: 0.05, malformed: 1 },
  });
  assert.deepEqual(Selection.parse(selection), selection);
  assert.equal(selection.outcome === "selected" && selection.checkpoint, "run-s10");
  assert.match(selection.considered[1]!.reason, /recall 0.5 is below 0.98; words 2 is below 5.7/);
  assert.match(selection.reason, /lowest response hallucination \(0\.5\) of 1; 1 refused by the gate/);
});

test("without a start the gate is off; without a passing checkpoint the start stays", () => {
  const open = selectCheckpoint([honest, brief], undefined);
  assert.equal(open.outcome === "selected" && open.checkpoint, "run-s20");
  assert.deepEqual([selectCheckpoint([brief], start).outcome, selectCheckpoint([], start).outcome], ["kept", "kept"]);
});

test("a checkpoint that fails the run's gate is refused with the comparison; if all do, the start stays", () => {
  const rule = { tolerance: { recall: 1, words: 1, malformed: 1 } };
  const gated = selectCheckpoint([honest, brief], start, { ...rule, gate: "recall >= 0.9" });
  assert.equal(gated.outcome === "selected" && gated.checkpoint, "run-s10");
  assert.deepEqual(gated.considered[1]!.reason, "evaluate.gate fails (recall >= 0.9: 0.5, does not hold)");
  const none = selectCheckpoint([honest, brief], start, { ...rule, gate: "recall > 1" });
  assert.deepEqual(
    [none.outcome, none.reason],
    ["kept", "no checkpoint kept recall, words and form and passed evaluate.gate"],
  );
});

test("every checkpoint is tested against the base on the same images, and p is corrected over all of them", () => {
  const images = (says: readonly (readonly string[])[]) =>
    says.map((words, at) => sample(`image ${at}`, ["cat", "cup"], [{ says: words }]));
  const repeat = (words: readonly string[]) => Array.from({ length: 12 }, () => words);
  const base = images(repeat(["cat", "cup", "dog"]));
  const tested = [
    ["cat", "cup"],
    ["cat", "cup", "hat"],
  ].map((words, at) => ({
    checkpoint: `run-s${at}`,
    comparison: compare(toyBench, { base, aligned: images(repeat(words)) }, OPTIONS),
  }));
  const told = selectionTests(tested, 12);
  assert.deepEqual(SelectionTests.parse(told), told);
  const [better, same] = told.checkpoints;
  const least = 2 / (OPTIONS.resamples + 1);
  assert.equal(told.tests, 6);
  assert.deepEqual(better!.response_hallucination, { value: -1, ci: [-1, -1], p: least, p_adjusted: 6 * least });
  assert.deepEqual([better!.recall.value, better!.words.value, same!.response_hallucination.p_adjusted], [0, -2, 1]);
  assert.match(told.notes.join(" "), /for 6 tests: 3 figures of 2 checkpoints.*The best of 2 checkpoints looks better/);
  assert.equal(selectionTests(tested.slice(1), 12).notes.length, 1);
});

test("with nothing to compare by the last checkpoint is taken", () => {
  const blind = [10, 20].map((step) => ({
    checkpoint: `run-s${step}`,
    step,
    metrics: measure(undefined, [], OPTIONS),
  }));
  const selection = selectCheckpoint(blind, undefined);
  assert.equal(selection.outcome === "selected" && selection.checkpoint, "run-s20");
});
