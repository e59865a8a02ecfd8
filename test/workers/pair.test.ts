import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { memoryBlobStore } from "../../functions/adapters/memory/blob-store.ts";
import { memoryStateStore } from "../../functions/adapters/memory/state-store.ts";
import { writeJson } from "../../functions/workers/files.ts";
import { pair } from "../../functions/workers/pair.ts";
import { pairRound } from "../../functions/workers/pair-round.ts";
import { encodeLines } from "../../shared/jsonl.ts";
import { configKey, pairingKey, pairsKey, shardKey } from "../../shared/keys.ts";
import type { BlobStore } from "../../shared/ports/blob-store.ts";
import { RunConfig } from "../../shared/schemas/config.ts";
import type { Scored } from "../../shared/schemas/sample.ts";
import { pairConfig, scoredSample } from "../support/scored-samples.ts";

const [runId, passId, round] = ["run", "1.train", 1];
const counters = { attempt: 1, parked: 0, requests: 0, cachedReplies: 0, usdMicros: 0, seconds: 0, losses: {} };

function configOf(pairPart: RunConfig["pair"], seed: number): RunConfig {
  const model = { engine: "openai", model: "m", baseUrl: "http://localhost/v1" };
  const models = { policy: model, divider: model, questioner: model, labelers: [model] };
  return { ...RunConfig.parse({ data: { path: "x" }, ...models, seed }), pair: pairPart };
}

/** A round whose shards are scored. */
async function scoredRound(shards: readonly Scored[][], config: RunConfig) {
  const [store, blobs] = [memoryStateStore(), memoryBlobStore()];
  await writeJson(blobs, configKey(runId), config);
  for (const [at, samples] of shards.entries()) {
    const shard = { runId, passId, shardId: String(at).padStart(5, "0") };
    const key = shardKey(shard, "score");
    const { bytes, pointers } = encodeLines(key, samples);
    await blobs.write(key, bytes);
    await store.samples.createMany(
      samples.map(({ sampleId }, line) => ({
        ...{ ...shard, sampleId, attempt: 0 },
        ...{ state: "scored" as const, pointer: pointers[line]! },
      })),
    );
    await store.shards.createMany([{ ...shard, stage: "score", state: "done", samples: samples.length, ...counters }]);
  }
  return { store, blobs, emit: () => undefined };
}

const textOf = async (blobs: BlobStore, key: string) => new TextDecoder().decode(await blobs.read(key));

/** Samples dealt to shards by a number of each. */
const dealt = fc.array(fc.tuple(scoredSample, fc.nat({ max: 4 })), { maxLength: 12 }).map((drawn) => {
  const byId = new Map(drawn.map(([sample, shard]) => [sample.sampleId, { sample, shard }]));
  return Object.values(Object.groupBy(byId.values(), ({ shard }) => shard)).map((own) =>
    own!.map(({ sample }) => sample),
  );
});

test("a round read sample by sample has the same pairs in the same bytes as one in memory, and every sample ends", async () => {
  await fc.assert(
    fc.asyncProperty(dealt, pairConfig, fc.boolean(), fc.nat(), async (shards, part, balance, seed) => {
      const config = configOf({ ...part, balance }, seed);
      const deps = await scoredRound(shards, config);
      const expected = pairRound(shards.flat(), config, round);
      assert.deepEqual(await pair({ runId, round, passId }, deps), { pairs: expected.pairs.length });
      assert.equal(
        await textOf(deps.blobs, pairsKey(runId, round)),
        expected.pairs.map((one) => `${JSON.stringify(one)}\n`).join(""),
      );
      assert.equal(
        await textOf(deps.blobs, pairingKey(runId, round)),
        `${JSON.stringify(expected.pairing, null, 2)}\n`,
      );
      const { paired, unpaired, scored } = await deps.store.samples.count(runId, passId);
      assert.deepEqual([paired, paired + unpaired, scored], [expected.pairing.paired, expected.pairing.samples, 0]);
    }),
    { numRuns: 300 },
  );
});

test("no more than a batch of the round's content is asked for at once, however many samples it has", async () => {
  const [sample] = fc.sample(scoredSample.filter(hasAPair), 1);
  const samples = Array.from({ length: 1000 }, (_, at) => ({ ...sample!, sampleId: `smp_${at}` }));
  const deps = await scoredRound([samples.slice(0, 300), samples.slice(300)], configOf(PARITY, 1));
  let [open, most] = [0, 0];
  const read: BlobStore["read"] = async (key, range) => {
    if (range === undefined) return deps.blobs.read(key);
    most = Math.max(most, ++open);
    const bytes = await deps.blobs.read(key, range);
    open--;
    return bytes;
  };
  await pair({ runId, round, passId }, { ...deps, blobs: { ...deps.blobs, read } });
  const { paired } = await deps.store.samples.count(runId, passId);
  assert.equal(paired, 1000);
  assert.ok(most > 1 && most <= 64, `${most} samples were read at once`);
});

const PARITY = RunConfig.shape.pair.parse({ mode: "parity", balance: false });
const hasAPair = (sample: Scored) => pairRound([sample], configOf(PARITY, 1), round).pairs.length > 0;

test("pairs that were made are not made again", async () => {
  const [sample] = fc.sample(scoredSample.filter(hasAPair), 1);
  const deps = await scoredRound([[sample!]], configOf(PARITY, 1));
  const once = await pair({ runId, round, passId }, deps);
  await deps.blobs.write(pairsKey(runId, round), "kept");
  assert.deepEqual(await pair({ runId, round, passId }, deps), once);
  assert.equal(await textOf(deps.blobs, pairsKey(runId, round)), "kept");
});
