import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compare, measure, measureWithGreedy } from "../../shared/evaluation/measure.ts";
import { FIGURES, MetricSet, Metrics } from "../../shared/schemas/metrics.ts";
import type { Verdict } from "../../shared/schemas/sample.ts";
import { NOUNS, OPTIONS, sample, type ToyAnswer, toyBench } from "./fixtures.ts";

const value = (set: MetricSet, name: keyof typeof MetricSet.shape & (typeof FIGURES)[number]) => set[name].value;

test("every figure of a small set can be counted by hand", () => {
  const samples = [
    sample(
      "one",
      ["cat", "dog"],
      [
        { says: ["cat", "sun"], verdicts: ["accepted", "rejected"] }, // one of two objects is invented, and caught
        { says: ["cat", "cat"], verdicts: ["rejected", "abstained"] }, // says the same twice; a true claim is rejected
      ],
    ),
    sample("two", ["cup"], [{ says: [], text: "Hm , nothing" }, { says: ["cup"] }]),
  ];
  const set = measure(toyBench, samples, OPTIONS);
  assert.deepEqual(MetricSet.parse(set), set);
  assert.deepEqual(Object.fromEntries(FIGURES.map((name) => [name, [set[name].value, set[name].n]])), {
    response_hallucination: [1 / 3, 3],
    response_hallucination_all: [1 / 4, 4],
    mention_hallucination: [1 / 4, 4],
    recall: [3 / 6, 6],
    words: [(4 + 4 + 3 + 2) / 4, 4],
    sentences: [(2 + 2 + 1 + 1) / 4, 4],
    malformed: [1 / 6, 6],
    duplicates: [1 / 6, 6],
    claims: [5 / 4, 4],
    true_claims: [(1 + 1 + 0 + 1) / 4, 4],
    claim_error: [1 / 5, 5],
    rejected_claims: [2 / 5, 5],
    abstained_claims: [1 / 5, 5],
    labeler_agreement: [3 / 4, 4],
    labeler_catch_rate: [1, 1],
    labeler_false_rejections: [1 / 4, 4],
  });
  assert.deepEqual([set.samples, set.images, set.answers, set.missing_answers], [2, 2, 4, 0]);
});

test("without ground truth words and verdicts are measured and the rest is null", () => {
  const strangers = [sample("photo", undefined, [{ says: ["cat", "dog"], verdicts: ["accepted", "rejected"] }])];
  for (const bench of [undefined, toyBench]) {
    const set = measure(bench, strangers, OPTIONS);
    assert.deepEqual([value(set, "words"), value(set, "claims"), value(set, "rejected_claims")], [4, 2, 0.5]);
    assert.deepEqual(set.recall, { value: null, ci: null, n: 0 });
    assert.deepEqual(set.labeler_agreement, { value: null, ci: null, n: 0 });
    assert.equal(set.true_claims.value, null);
  }
});

test("a failed request is missing, an empty answer counts", () => {
  const set = measure(
    toyBench,
    [
      sample(
        "one",
        ["cat"],
        [
          { says: [], failed: true },
          { says: [], text: "" },
        ],
      ),
    ],
    OPTIONS,
  );
  assert.deepEqual([set.answers, set.missing_answers, set.words.value, set.recall.value], [1, 1, 0, 0]);
});

test("nothing measured is a valid result", () => {
  const set = measure(toyBench, [], OPTIONS);
  assert.ok(FIGURES.every((name) => set[name].value === null && set[name].ci === null));
});

test("only the first answers count when a number is given, and greedy ones stand beside the sampled", () => {
  const sampled = [sample("one", ["cat"], [{ says: ["cat"] }, { says: ["dog"] }])];
  const metrics = measureWithGreedy(toyBench, { sampled, greedy: sampled }, { ...OPTIONS, answers: 2 });
  assert.deepEqual(Metrics.parse(metrics), metrics);
  assert.deepEqual([metrics.response_hallucination.value, metrics.greedy?.response_hallucination.value], [0.5, 0]);
  assert.equal(measureWithGreedy(toyBench, { sampled, greedy: undefined }, OPTIONS).greedy, null);
});

const verdict = fc.constantFrom<Verdict[]>("accepted", "rejected", "abstained");
const noun = fc.constantFrom(...NOUNS);
const toyAnswer: fc.Arbitrary<ToyAnswer> = fc
  .array(fc.tuple(noun, verdict), { maxLength: 4 })
  .map((claims) => ({ says: claims.map(([word]) => word), verdicts: claims.map(([, given]) => given) }));
const toySamples = fc.array(fc.tuple(fc.subarray(NOUNS), fc.array(toyAnswer, { maxLength: 3 })), { maxLength: 6 });
const built = toySamples.map((rows) => rows.map(([objects, answers], at) => sample(`image ${at}`, objects, answers)));

test("the order in which samples come back changes no figure and no interval", () => {
  fc.assert(
    fc.property(built, (samples) => {
      assert.deepEqual(measure(toyBench, [...samples].reverse(), OPTIONS), measure(toyBench, samples, OPTIONS));
    }),
    { numRuns: 40 },
  );
});

test("every interval holds its value and every share lies in 0..1", () => {
  fc.assert(
    fc.property(built, (samples) => {
      const set = measure(toyBench, samples, OPTIONS);
      for (const name of FIGURES) {
        const { value: at, ci } = set[name];
        if (at === null) continue;
        assert.ok(ci![0] <= at && at <= ci![1], `${name}: ${ci![0]} ${at} ${ci![1]}`);
        if (!["words", "sentences", "claims", "true_claims"].includes(name)) assert.ok(at >= 0 && at <= 1, name);
      }
    }),
    { numRuns: 40 },
  );
});

test("two models are compared on the images both answered", () => {
  const images = Array.from({ length: 40 }, (_, at) => `image ${at}`);
  const base = images.map((image) => sample(image, ["cat"], [{ says: ["cat", "dog"] }]));
  const aligned = images.slice(0, 30).map((image) => sample(image, ["cat"], [{ says: ["cat"] }]));
  const { response_hallucination, recall, words } = compare(toyBench, { base, aligned }, OPTIONS);
  assert.deepEqual([response_hallucination.value, recall.value, words.value], [-1, 0, -2]);
  assert.ok(response_hallucination.p! < 0.01);
  assert.equal(recall.p, 1);
});
