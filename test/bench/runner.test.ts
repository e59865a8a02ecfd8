import assert from "node:assert/strict";
import { test } from "node:test";
import { simulateRun } from "../../bench/simulated-run.ts";

test("the loop keeps a server's slots busy and ends every sample as paired or unpaired", async () => {
  const samples = 200;
  const run = await simulateRun({ samples, slots: 16, shardSamples: 25, concurrentShards: 4 });
  const ratio = run.makespanMs / run.idealMs;
  assert.ok(ratio >= 1 && ratio < 1.5, `makespan ${run.makespanMs} ms is ${ratio} of the ideal ${run.idealMs} ms`);
  assert.equal(run.states.paired + run.states.unpaired, samples);
  assert.ok(run.states.paired > 0 && run.states.unpaired > 0);
  assert.equal(run.requests, samples * (1 + 2 + 2 + 4)); // two answers of two claims: nothing asked twice, nothing left out
});

test("the same simulated run takes the same virtual time again", async () => {
  const shape = { samples: 20, slots: 4, shardSamples: 5, concurrentShards: 2 };
  const [first, second] = [await simulateRun(shape), await simulateRun(shape)];
  assert.deepEqual([first.makespanMs, first.states], [second.makespanMs, second.states]);
});
