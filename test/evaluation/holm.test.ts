import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { holm } from "../../shared/evaluation/holm.ts";

const pValues = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 30 });

test("four p values are adjusted as by hand", () => {
  // sorted: 0.005 × 4 = 0.02; 0.01 × 3 = 0.03; 0.03 × 2 = 0.06; 0.04 × 1 = 0.04, not below 0.06
  assert.deepEqual(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02]);
});

test("what was not tested stays so and costs the others nothing", () => {
  assert.deepEqual(holm([null, 0.02, null, 0.5]), [null, 0.04, null, 0.5]);
  assert.deepEqual(holm([]), []);
});

test("a p outside 0..1 is refused", () => {
  assert.throws(() => holm([0.1, 1.5]), /p value 1 is 1.5/);
  assert.throws(() => holm([Number.NaN]), RangeError);
});

test("an adjusted p lies between p and min(1, m·p), and one test is not adjusted", () => {
  fc.assert(
    fc.property(pValues, (values) => {
      for (const [at, adjusted] of holm(values).entries()) {
        assert.ok(adjusted! >= values[at]! && adjusted! <= 1);
        const bigger = values.filter((p) => p <= values[at]!).map((p) => Math.min(1, p * values.length));
        assert.ok(adjusted! <= Math.max(...bigger));
      }
    }),
  );
  assert.deepEqual(holm([0.3]), [0.3]);
});

test("the order of p values is kept, and the order they come in changes nothing", () => {
  fc.assert(
    fc.property(pValues, (values) => {
      const adjusted = holm(values);
      for (const [i, p] of values.entries()) {
        for (const [j, q] of values.entries()) if (p <= q) assert.ok(adjusted[i]! <= adjusted[j]!);
      }
      assert.deepEqual(holm(values.toReversed()).toReversed(), adjusted);
    }),
  );
});
