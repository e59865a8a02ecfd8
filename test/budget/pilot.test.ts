import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { extrapolate, type PilotSample } from "../../shared/budget/pilot.ts";

const options = { confidence: 0.95, resamples: 200, seed: 3 };
const use = fc.record({ requests: fc.nat(50), usdMicros: fc.nat(100_000), seconds: fc.nat(100) });
const sample: fc.Arbitrary<PilotSample> = fc.record({
  parked: fc.boolean(),
  pairs: fc.nat(4),
  stages: fc.record({ generate: use, divide: use, question: use, score: use }),
});
const samples = fc.array(sample, { minLength: 1, maxLength: 20 });
const close = (a: number, b: number) => assert.ok(Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(a)), `${a} and ${b}`);

test("twice the samples cost, take and yield twice as much, and their intervals are twice as wide", () => {
  fc.assert(
    fc.property(samples, fc.nat(1000), (pilot, walks) => {
      const once = extrapolate(pilot, { walks, evaluated: 0 }, options);
      const twice = extrapolate(pilot, { walks: 2 * walks, evaluated: 0 }, options);
      for (const figure of ["usd", "seconds", "pairs"] as const) {
        close(2 * once[figure].value, twice[figure].value);
        for (const side of [0, 1]) close(2 * (once[figure].ci?.[side] ?? 0), twice[figure].ci?.[side] ?? 0);
      }
      assert.deepEqual(once.yield, twice.yield);
    }),
    { numRuns: 60 },
  );
});

test("an interval holds its value, stages add up to the whole, and a single sample has no interval", () => {
  fc.assert(
    fc.property(samples, fc.nat(1000), fc.nat(1000), (pilot, walks, evaluated) => {
      const told = extrapolate(pilot, { walks, evaluated }, options);
      for (const { value, ci } of [told.usd, told.seconds, told.pairs, told.yield]) {
        if (pilot.length === 1) assert.equal(ci, null);
        else assert.ok(ci !== null && ci[0] <= value + 1e-9 && value <= ci[1] + 1e-9);
      }
      close(
        told.usd.value,
        told.stages.reduce((sum, { usd }) => sum + usd, 0),
      );
      close(
        told.seconds.value,
        told.stages.reduce((sum, { seconds }) => sum + seconds, 0),
      );
    }),
    { numRuns: 60 },
  );
});

test("a pilot without samples tells nothing", () => {
  assert.throws(() => extrapolate([], { walks: 10, evaluated: 0 }, options), RangeError);
});
