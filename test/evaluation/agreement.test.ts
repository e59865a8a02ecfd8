import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { type AgreementRow, kappa, measureAgreement } from "../../shared/evaluation/agreement.ts";
import { randomFrom, shuffled } from "../../shared/random.ts";
import { Verdict } from "../../shared/schemas/sample.ts";

const options = { confidence: 0.95, resamples: 200, seed: 7 };
const measured = (rows: readonly AgreementRow[]) => measureAgreement(rows, options);

/** `count` claims of one kind, each of its own image unless `image` is given. */
function claims(count: number, [truth, verdict]: [boolean, Verdict], start: number): AgreementRow[] {
  return Array.from({ length: count }, (_, index) => {
    const name = String(start + index);
    return { itemId: name, cluster: name, truth, verdict };
  });
}

/** 20 false claims rejected, 5 accepted; 10 true claims rejected, 15 accepted; 10 abstentions. */
const TEXTBOOK = [
  ...claims(20, [false, "rejected"], 0),
  ...claims(5, [false, "accepted"], 100),
  ...claims(10, [true, "rejected"], 200),
  ...claims(15, [true, "accepted"], 300),
  ...claims(10, [true, "abstained"], 400),
];

const close = (actual: number | null, expected: number) =>
  assert.ok(actual !== null && Math.abs(actual - expected) < 1e-12, `${actual} is not ${expected}`);

test("the figures of a table are those computed by hand", () => {
  const { figures, confusion, claims, images } = measured(TEXTBOOK);
  assert.deepEqual([claims, images], [60, 60]);
  assert.deepEqual(confusion, { falseRejected: 20, falseAccepted: 5, trueRejected: 10, trueAccepted: 15 });
  close(figures.accuracy.value, 35 / 50); // (20 + 15) / 50: the abstentions are no part of it
  assert.equal(figures.accuracy.n, 50);
  // Expected by chance: (30 · 25 + 20 · 25) / 50² = 0.5; kappa = (0.7 − 0.5) / (1 − 0.5) = 0.4.
  close(figures.kappa.value, 0.4);
  close(figures.rejected_precision.value, 20 / 30);
  close(figures.rejected_recall.value, 20 / 25);
  close(figures.rejected_f1.value, 8 / 11); // 2 · 2/3 · 4/5 ÷ (2/3 + 4/5) = 16/15 ÷ 22/15
  close(figures.specificity.value, 15 / 25);
  close(figures.abstentions.value, 10 / 60);
  assert.deepEqual([figures.brier.value, figures.brier.ci, figures.calibration_error.value], [null, null, null]);
});

test("the Brier score, the curve and the calibration error are those computed by hand", () => {
  const said: [boolean, number, number][] = [
    [false, 0.1, 0.3], // p = 0.25, (0.25 − 0)² = 0.0625
    [true, 0.2, 0.6], // p = 0.25, (0.25 − 1)² = 0.5625
    [true, 0.75, 0.25], // p = 0.75, (0.75 − 1)² = 0.0625
    [true, 0.375, 0.125], // p = 0.75, (0.75 − 1)² = 0.0625
    [true, 0, 0], // neither yes nor no: no part in this
  ];
  const { figures, curve } = measured(
    said.map(([truth, pYes, pNo], index) => ({
      ...{ itemId: String(index), cluster: String(index), truth, pYes, pNo },
      verdict: "abstained",
    })),
  );
  close(figures.brier.value, 0.1875); // (0.0625 + 0.5625 + 0.0625 + 0.0625) / 4
  assert.equal(figures.brier.n, 4);
  // Two bins of two: |0.25 − 1/2| · 2/4 + |0.75 − 1| · 2/4 = 0.25.
  close(figures.calibration_error.value, 0.25);
  const points = curve.map((bin) => [bin.said, bin.observed.value, bin.observed.n]);
  assert.deepEqual(points, [
    [0.25, 0.5, 2],
    [0.75, 1, 2],
  ]);
  assert.deepEqual([figures.accuracy.value, figures.kappa.value, figures.abstentions.value], [null, null, 1]);
});

test("a hundred different probabilities fill ten bins with ten claims each", () => {
  const random = randomFrom(1);
  const rows = Array.from({ length: 100 }, (_, index): AgreementRow => {
    const pYes = (index + 0.5) / 100;
    return {
      ...{ itemId: String(index), cluster: String(index % 20), truth: random() < pYes },
      ...{ verdict: "accepted", pYes, pNo: 1 - pYes },
    };
  });
  const { curve } = measured(rows);
  assert.deepEqual(
    curve.map(({ observed }) => observed.n),
    Array.from({ length: 10 }, () => 10),
  );
  close(curve[3]!.said, 0.35); // the mean of 0.305, 0.315, … 0.395
});

test("without a mistake the intervals still say that few images prove little", () => {
  const rows = [...claims(10, [false, "rejected"], 0), ...claims(10, [true, "accepted"], 50)];
  const { accuracy, kappa } = measured(rows).figures;
  // 20 images: accuracy is at least 0.025^(1/20) = 0.8316; chance disagrees in half, so kappa ≥ 1 − 0.1684 / 0.5.
  close(accuracy.ci![0], 0.025 ** (1 / 20));
  close(kappa.ci![0], 1 - (1 - 0.025 ** (1 / 20)) / 0.5);
  assert.equal(kappa.ci![1], 1);
});

test("claims that share a picture count less than claims of many pictures", () => {
  const kinds: [boolean, Verdict][] = [
    [false, "rejected"],
    [true, "accepted"],
    [false, "accepted"],
    [true, "rejected"],
  ];
  const rows = kinds.flatMap((kind, at) => claims(50, kind, 100 * at));
  const shared = rows.map((row) => ({ ...row, cluster: `${row.verdict} ${row.truth} ${Number(row.itemId) % 3}` }));
  const width = (sample: readonly AgreementRow[]) => {
    const [low, high] = measured(sample).figures.kappa.ci!;
    return high - low;
  };
  assert.ok(width(shared) > 1.5 * width(rows), `${width(shared)} against ${width(rows)}`);
});

test("nothing to measure gives null everywhere, not 0 and not NaN", () => {
  const { figures, curve, claims } = measured([]);
  for (const [name, figure] of Object.entries(figures)) assert.deepEqual(figure, { value: null, ci: null, n: 0 }, name);
  assert.deepEqual([curve, claims], [[], 0]);
});

const probability = fc.double({ min: 0, max: 1, noNaN: true });
const row: fc.Arbitrary<AgreementRow> = fc.record(
  {
    itemId: fc.string({ maxLength: 3 }),
    cluster: fc.constantFrom("a", "b", "c", "d"),
    truth: fc.boolean(),
    verdict: fc.constantFrom(...Verdict.options),
    pYes: probability,
    pNo: probability,
  },
  { requiredKeys: ["itemId", "cluster", "truth", "verdict"] },
);
const rows = fc.array(row, { maxLength: 40 });

test("every interval holds its value; kappa is at most 1 and everything else lies between 0 and 1", () => {
  fc.assert(
    fc.property(rows, (sample) => {
      for (const [name, { value, ci }] of Object.entries(measured(sample).figures)) {
        if (value === null || ci === null) return assert.deepEqual([value, ci], [null, null], name);
        const least = name === "kappa" ? -1 : 0;
        assert.ok(least <= ci[0] && ci[0] <= value && value <= ci[1] && ci[1] <= 1 + 1e-12, `${name} ${value} ${ci}`);
      }
    }),
    { numRuns: 60 },
  );
});

test("verdicts that all agree with the truth have accuracy 1, and kappa 1 where both kinds occur", () => {
  fc.assert(
    fc.property(rows, (sample) => {
      const perfect = sample.map((one) => ({
        ...one,
        verdict: one.truth ? ("accepted" as const) : ("rejected" as const),
      }));
      const { accuracy, kappa } = measured(perfect).figures;
      const kinds = new Set(perfect.map(({ truth }) => truth)).size;
      assert.equal(accuracy.value, kinds === 0 ? null : 1);
      assert.equal(kappa.value, kinds === 2 ? 1 : null);
    }),
    { numRuns: 60 },
  );
});

test("kappa stays when truth and verdict are both turned round everywhere", () => {
  const counts = fc.nat(200);
  fc.assert(
    fc.property(counts, counts, counts, counts, (falseRejected, falseAccepted, trueRejected, trueAccepted) => {
      const value = kappa({ falseRejected, falseAccepted, trueRejected, trueAccepted });
      const turned = {
        ...{ falseRejected: trueAccepted, falseAccepted: trueRejected },
        ...{ trueRejected: falseAccepted, trueAccepted: falseRejected },
      };
      assert.equal(kappa(turned), value);
      assert.ok(Number.isNaN(value) || (value >= -1 && value <= 1));
    }),
  );
});

test("the order of the claims changes nothing, the intervals included", () => {
  fc.assert(
    fc.property(rows, fc.nat(), (sample, seed) => {
      assert.deepEqual(measured(shuffled(sample, randomFrom(seed))), measured(sample));
    }),
    { numRuns: 40 },
  );
});
