import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MODEL_STAGES, STAGE_ORDER } from "../../shared/pipeline.ts";
import { RunState, SampleState } from "../../shared/schemas/rows.ts";
import { addLosses, LOSSES, type Losses, type LossName } from "../../shared/states/losses.ts";
import { mayRunMove, NEXT_RUN_STATES } from "../../shared/states/run.ts";
import { maySampleMove, NEXT_SAMPLE_STATES } from "../../shared/states/sample.ts";

const sampleState = fc.constantFrom(...SampleState.options);

test("a sample never comes back to a state it has left, and ends after at most six moves", () => {
  fc.assert(
    fc.property(fc.array(sampleState, { maxLength: 30 }), (wishes) => {
      const walked: SampleState[] = ["submitted"];
      for (const wish of wishes) {
        if (maySampleMove(walked.at(-1)!, wish)) walked.push(wish);
      }
      assert.equal(new Set(walked).size, walked.length);
      assert.ok(walked.length <= 6);
    }),
  );
});

test("from every state a sample can reach an end, and every end is paired, unpaired or parked", () => {
  const ends = SampleState.options.filter((state) => NEXT_SAMPLE_STATES[state].length === 0);
  assert.deepEqual(ends, ["paired", "unpaired", "parked"]);
  for (const state of SampleState.options) {
    if (!ends.includes(state)) assert.ok(maySampleMove(state, "parked"), state);
  }
});

test("the model stages lead from each state to the next without a gap", () => {
  for (const [at, name] of STAGE_ORDER.entries()) {
    const stage = MODEL_STAGES[name];
    assert.equal(stage.name, name);
    assert.ok(maySampleMove(stage.from, stage.to));
    const next = STAGE_ORDER[at + 1];
    assert.equal(next === undefined ? "scored" : MODEL_STAGES[next].from, stage.to);
  }
});

test("a run that has not finished can always be taken up again", () => {
  for (const state of RunState.options) {
    assert.equal(mayRunMove(state, "running"), !["running", "finished"].includes(state));
  }
  assert.deepEqual(NEXT_RUN_STATES.finished, []);
});

const losses: fc.Arbitrary<Losses> = fc.dictionary(
  fc.constantFrom(...(Object.keys(LOSSES) as LossName[])),
  fc.nat({ max: 1000 }),
);

test("losses add up in any order and grouping", () => {
  fc.assert(
    fc.property(losses, losses, losses, (a, b, c) => {
      assert.deepEqual(addLosses(a, b, c), addLosses(addLosses(a, b), c));
      assert.deepEqual(addLosses(a, b), addLosses(b, a));
      assert.ok(Object.values(addLosses(a, b, c)).every((count) => count > 0));
    }),
  );
});
