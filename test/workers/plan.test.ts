import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryBlobStore } from "../../functions/adapters/memory/blob-store.ts";
import { memoryStateStore } from "../../functions/adapters/memory/state-store.ts";
import type { WorkerDeps } from "../../functions/workers/deps.ts";
import { workShard } from "../../functions/workers/dispatch.ts";
import { writeJson } from "../../functions/workers/files.ts";
import { plan, samplesOfPass } from "../../functions/workers/plan.ts";
import { encodeLines, readRecord } from "../../shared/jsonl.ts";
import { configKey, samplesKey, shardKey } from "../../shared/keys.ts";
import { RunConfig } from "../../shared/schemas/config.ts";
import type { PassId } from "../../shared/schemas/rows.ts";
import type { Submitted } from "../../shared/schemas/sample.ts";
import { passStates } from "../../shared/states/pass-states.ts";
import { virtualClock } from "../support/virtual-clock.ts";

const runId = "run";
const LARGE = 10_001; // one more than plan writes rows for
const model = { engine: "openai", model: "m", baseUrl: "http://localhost/v1" };

function configOf(changes: Record<string, unknown>): RunConfig {
  const models = { policy: model, divider: model, questioner: model, labelers: [model] };
  return RunConfig.parse({ data: { path: "x" }, shardSamples: 1000, ...models, ...changes });
}

function sampleAt(at: number): Submitted {
  const image = { sha256: at.toString(16).padStart(64, "0"), path: `${at}.png`, width: 9, height: 9 };
  return { sampleId: `smp_${at}`, image, question: `Wie groß ist Nr. ${at}?`, metadata: { at } };
}

/** Stores in memory with so many samples; the engine of every model is down. */
async function world(samples: number, config: RunConfig) {
  const [store, blobs] = [memoryStateStore(), memoryBlobStore()];
  await writeJson(blobs, configKey(runId), config);
  const all = Array.from({ length: samples }, (_, at) => sampleAt(at));
  await blobs.write(samplesKey(runId, "data"), encodeLines("data", all).bytes);
  const deps: WorkerDeps = {
    ...{ store, blobs, clock: virtualClock(), trainer: undefined, emit: () => undefined },
    bind: async () => {
      throw new Error("the engine is down");
    },
    bench: () => {
      throw new Error("nothing is evaluated");
    },
    complete: async () => undefined,
    signal: new AbortController().signal,
  };
  const planned = (passId: PassId, round: number) => plan({ runId, round, passId, stage: "generate" }, deps);
  const begin = (shardId: string) =>
    workShard({ runId, passId: "1.train", stage: "generate", shardId, round: 1, attempt: 0, token: "t" }, deps);
  const states = async () =>
    passStates(await store.samples.count(runId, "1.train"), await store.shards.list({ runId, passId: "1.train" }));
  return { ...deps, all, planned, begin, states };
}

test("a round's share is dealt in its seeded order, read in pieces or at once", async () => {
  for (const roundData of ["split", "all"]) {
    const config = configOf({ rounds: 3, shardSamples: 7, roundData });
    const { planned, all, blobs, store } = await world(50, config);
    for (const round of [1, 2, 3]) {
      const passId = `${round}.train`;
      await planned(passId, round);
      const expected = samplesOfPass(all, passId, config);
      const shards = await store.shards.list({ runId, passId, stage: "generate" });
      assert.equal(shards.length, Math.ceil(expected.length / 7));
      for (const [at, { shardId, samples }] of shards.entries()) {
        const key = shardKey({ runId, passId, shardId }, "submitted");
        const { bytes } = encodeLines(key, expected.slice(7 * at, 7 * at + samples));
        assert.deepEqual(await blobs.read(key), bytes);
      }
      assert.equal((await store.samples.count(runId, passId)).submitted, expected.length);
    }
  }
});

test("a large pass is planned without rows, and its samples count as submitted all the same", async () => {
  const { planned, store, states } = await world(LARGE, configOf({}));
  assert.deepEqual(await planned("1.train", 1), {
    manifestKey: "runs/run/passes/1.train/generate.shards.jsonl",
    shards: 11,
  });
  assert.equal((await store.samples.count(runId, "1.train")).submitted, 0);
  assert.equal((await states()).submitted, LARGE);
});

test("the first stage creates its shard's rows before anything else, once, and completes those of a killed worker", async () => {
  const { planned, begin, store, blobs, states } = await world(LARGE, configOf({}));
  await planned("1.train", 1);
  await assert.rejects(begin("00010"), /the engine is down/);
  const rows = await store.samples.query({ runId, passId: "1.train", limit: 10 });
  assert.deepEqual(
    rows.items.map(({ shardId, state }) => [shardId, state]),
    [["00010", "submitted"]],
  );
  const [row] = rows.items;
  assert.equal(((await readRecord(blobs, row!.pointer)) as Submitted).sampleId, row!.sampleId);
  await store.samples.move(runId, "1.train", [
    { sampleId: row!.sampleId, from: "submitted", attempt: 0, to: "parked", reason: "r" },
  ]);
  await assert.rejects(begin("00010"), /the engine is down/);
  await assert.rejects(begin("00003"), /the engine is down/);
  const { submitted, parked } = await store.samples.count(runId, "1.train");
  assert.deepEqual([submitted, parked], [1000, 1]);
  const [some] = (await store.samples.query({ runId, passId: "1.train", shardId: "00003", limit: 1 })).items;
  const begun = await world(LARGE, configOf({}));
  await begun.planned("1.train", 1);
  await begun.store.samples.createMany([some!]); // as far as a killed worker came
  await assert.rejects(begun.begin("00003"), /the engine is down/);
  assert.equal((await begun.store.samples.count(runId, "1.train")).submitted, 1000);
  assert.deepEqual(await states(), { ...(await begun.states()), submitted: LARGE - 1, parked: 1 });
});
