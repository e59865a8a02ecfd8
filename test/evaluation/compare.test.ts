import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type CompareOptions,
  ComparisonRefused,
  compareEvaluations,
  compareMany,
} from "../../shared/evaluation/compare.ts";
import { randomFrom, shuffled } from "../../shared/random.ts";
import type { ItemScore } from "../../shared/schemas/evaluation.ts";

const OPTIONS: CompareOptions = { confidence: 0.95, resamples: 400, seed: 5 };

function item(id: number, top: number, over: Partial<ItemScore> = {}): ItemScore {
  const parts = { hallucination: { top, bottom: 1 }, words: { top: 10 + (id % 3), bottom: 1 } };
  return {
    itemId: `i${id}`,
    cluster: `img${Math.floor(id / 2)}`,
    groups: [],
    missing: false,
    parts,
    detail: {},
    ...over,
  };
}

const model = (count: number, isBad: (id: number) => boolean) =>
  Array.from({ length: count }, (_, id) => item(id, Number(isBad(id))));

test("a clear difference is found, and what is equal stays equal", () => {
  const a = model(60, (id) => id % 2 === 0); // 30 of 60
  const b = model(60, (id) => id % 10 === 0); // 6 of 60
  const { figures, items, images } = compareEvaluations(a, b, OPTIONS);
  assert.deepEqual([items, images], [60, 30]);
  const { hallucination, words } = figures;
  assert.deepEqual([hallucination!.a, hallucination!.b], [0.5, 0.1]);
  assert.equal(hallucination!.difference.value, 0.1 - 0.5);
  assert.ok(hallucination!.difference.ci![1] < 0);
  assert.equal(hallucination!.pAdjusted, 2 * hallucination!.difference.p!); // the smaller of two tests
  assert.ok(hallucination!.pAdjusted! < 0.05);
  assert.deepEqual([words!.difference.value, words!.pAdjusted], [0, 1]);
});

test("sides of different items are refused by name, or compared on what they share", () => {
  const a = model(6, () => false);
  const b = [...model(4, () => true), item(9, 1), { ...item(5, 0), missing: true, parts: {} }];
  assert.throws(
    () => compareEvaluations(a, b, OPTIONS),
    (error: Error) => {
      assert.ok(error instanceof ComparisonRefused);
      assert.match(
        error.message,
        /1 item only in A \(i4\); 1 item only in B \(i9\); 1 item answered by one side only \(i5\)/,
      );
      return true;
    },
  );
  const common = compareEvaluations(a, b, { ...OPTIONS, commonOnly: true });
  assert.deepEqual([common.items, common.leftOut, common.figures["hallucination"]!.difference.value], [4, 3, 1]);
  assert.match(common.notes[0]!, /3 items were left out/);
});

test("an item of two images, an item twice and an unknown figure are refused", () => {
  const a = [item(0, 0)];
  assert.throws(
    () => compareEvaluations(a, [item(0, 0, { cluster: "other" })], OPTIONS),
    /i0 is of image img0 in A and of other in B/,
  );
  assert.throws(() => compareEvaluations(a, [item(0, 0), item(0, 1)], OPTIONS), /i0 is twice in B/);
  assert.throws(() => compareEvaluations(a, a, { ...OPTIONS, figures: ["chair"] }), /no item has the figure chair/);
});

test("a figure that nothing counts for is null and no test", () => {
  const empty = [item(0, 0, { parts: { precision: { top: 0, bottom: 0 } } })];
  const { figures } = compareEvaluations(empty, empty, OPTIONS);
  assert.deepEqual(figures["precision"], {
    a: null,
    b: null,
    difference: { value: null, ci: null, p: null },
    pAdjusted: null,
  });
});

test("the order of items changes nothing, and a seed gives the same bytes", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.boolean(), fc.boolean()), { minLength: 1, maxLength: 12 }),
      fc.nat(),
      (bad, seed) => {
        const [a, b] = [0, 1].map((side) => bad.map((pair, id) => item(id, Number(pair[side])))) as [
          ItemScore[],
          ItemScore[],
        ];
        const options = { ...OPTIONS, resamples: 50 };
        const expected = JSON.stringify(compareEvaluations(a, b, options));
        const random = randomFrom(seed);
        assert.equal(JSON.stringify(compareEvaluations(shuffled(a, random), shuffled(b, random), options)), expected);
      },
    ),
    { numRuns: 40 },
  );
});

test("many candidates are corrected as one family, with a word on choosing the best", () => {
  const base = model(40, (id) => id % 2 === 0);
  const candidates = ["c2", "c1", "c3"].map((name, at) => ({ name, scores: model(40, (id) => id % (2 + at) === 0) }));
  const options = { ...OPTIONS, figures: ["hallucination"] };
  const many = compareMany(base, candidates, options);
  assert.deepEqual([many.tests, many.candidates.map(({ name }) => name)], [3, ["c1", "c2", "c3"]]);
  for (const { comparison } of many.candidates) {
    const { difference, pAdjusted } = comparison.figures["hallucination"]!;
    assert.ok(pAdjusted! >= difference.p! && pAdjusted! <= 1);
  }
  assert.match(many.notes.join(" "), /best of 3 candidates looks better/);
  assert.deepEqual(compareMany(base, candidates.toReversed(), options), many);
  assert.throws(() => compareMany(base, [candidates[0]!, candidates[0]!], options), /two candidates are named c2/);
  assert.throws(
    () => compareMany(base, [{ name: "c9", scores: base.slice(1) }], options),
    /candidate c9: .*only in A \(i0\)/,
  );
});
