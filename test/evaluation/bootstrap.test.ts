import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { bootstrap, pairedDifference, type Ratio } from "../../shared/evaluation/bootstrap.ts";
import { randomFrom } from "../../shared/random.ts";

const options = { confidence: 0.95, resamples: 400, seed: 11 };
const share = new Set(["share"] as const);
const estimateOf = (ratios: readonly Ratio[], shares: ReadonlySet<"share"> = share) =>
  bootstrap(
    ratios.map((ratio) => ({ share: ratio })),
    ["share"],
    options,
    shares,
  ).share;

const ratio = fc.nat(5).chain((bottom) => fc.record({ top: fc.nat(bottom), bottom: fc.constant(bottom) }));

test("an interval holds its value, and both lie between 0 and 1 for a share", () => {
  fc.assert(
    fc.property(fc.array(ratio, { maxLength: 20 }), (ratios) => {
      const { value, ci, n } = estimateOf(ratios);
      if (value === null || ci === null) return assert.deepEqual([value, ci, n], [null, null, 0]);
      assert.ok(0 <= ci[0] && ci[0] <= value && value <= ci[1] && ci[1] <= 1, `${ci[0]} ${value} ${ci[1]}`);
    }),
    { numRuns: 60 },
  );
});

test("the same seed gives the same interval, another seed nearly the same", () => {
  const random = randomFrom(3);
  const ratios = Array.from({ length: 100 }, () => ({ top: Number(random() < 0.3), bottom: 1 }));
  assert.deepEqual(estimateOf(ratios), estimateOf(ratios));
  const other = bootstrap(
    ratios.map((one) => ({ share: one })),
    ["share"],
    { ...options, seed: 12 },
    share,
  ).share;
  assert.ok(Math.abs(other.ci![0] - estimateOf(ratios).ci![0]) < 0.03);
});

test("answers that agree within an image widen the interval: images are what is drawn, not answers", () => {
  const alone = Array.from({ length: 400 }, (_, index) => ({ top: Number(index % 4 === 0), bottom: 1 }));
  const clustered = Array.from({ length: 100 }, (_, index) => ({ top: index % 4 === 0 ? 4 : 0, bottom: 4 }));
  const width = (ratios: readonly Ratio[]) => estimateOf(ratios).ci![1] - estimateOf(ratios).ci![0];
  assert.equal(estimateOf(alone).value, estimateOf(clustered).value);
  assert.ok(width(clustered) > 1.6 * width(alone), `${width(clustered)} against ${width(alone)}`);
});

test("the 95 % interval of a share covers the truth about 95 times in 100", () => {
  const covered = Array.from({ length: 100 }, (_, trial) => {
    const random = randomFrom(1000 + trial);
    const ratios = Array.from({ length: 120 }, () => ({ top: Number(random() < 0.3), bottom: 1 }));
    const [low, high] = estimateOf(ratios).ci!;
    return low <= 0.3 && 0.3 <= high;
  }).filter(Boolean).length;
  assert.ok(covered >= 88, `${covered} of 100`);
});

test("never seen is not never: no case in 100 images still allows a few per cent", () => {
  const { value, ci } = estimateOf(Array.from({ length: 100 }, () => ({ top: 0, bottom: 3 })));
  assert.equal(value, 0);
  assert.ok(ci![1] > 0.03 && ci![1] < 0.04, String(ci![1]));
  assert.deepEqual(
    estimateOf(
      Array.from({ length: 9 }, () => ({ top: 12, bottom: 1 })),
      new Set(),
    ).ci,
    [12, 12],
  );
});

test("a paired difference sees a small steady gain that two separate intervals would hide", () => {
  const random = randomFrom(5);
  const before = Array.from({ length: 200 }, () => ({ top: Math.floor(random() * 10), bottom: 10 }));
  const after = before.map(({ top, bottom }, at) => ({ top: Math.max(0, top - (at % 3 === 0 ? 1 : 0)), bottom }));
  const difference = pairedDifference(before, after, options);
  assert.ok(difference.value! < -0.02 && difference.ci![1] < 0 && difference.p! < 0.01, JSON.stringify(difference));
  assert.ok(estimateOf(after).ci![1] > estimateOf(before).ci![0]);
  const none = pairedDifference(before, before, options);
  assert.deepEqual([none.value, none.p], [0, 1]);
});

test("a difference needs the same images on both sides", () => {
  assert.throws(() => pairedDifference([{ top: 1, bottom: 1 }], [], options), /1 images against 0/);
  assert.deepEqual(pairedDifference([], [], options), { value: null, ci: null, p: null });
});
