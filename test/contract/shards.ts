import assert from "node:assert/strict";
import { test } from "node:test";
import { ShardRow } from "../../shared/schemas/rows.ts";
import type { WithStore } from "./state-store.ts";

export function shardsContract(within: WithStore): void {
  test(
    "gives a shard back as it was written",
    within(async ({ shards }) => {
      const usage = {
        prompt_tokens: 9,
        completion_tokens: 1,
        total_tokens: 10,
        prompt_tokens_details: { cached_tokens: 4 },
      };
      const row = shardRow({
        usage,
        losses: { no_claims: 3 },
        error: "Zeitüberschreitung 🙂",
        seconds: 1.5,
        usdMicros: 7,
      });
      assert.deepEqual(await shards.createMany([row]), { written: 1 });
      assert.deepEqual(ShardRow.parse(await shards.get(row)), row);
      assert.equal(await shards.get({ ...row, stage: "score" }), undefined);
    }),
  );

  test(
    "creates each shard once",
    within(async ({ shards }) => {
      await shards.createMany([shardRow({ state: "running" })]);
      assert.deepEqual(
        await shards.createMany([shardRow({}), shardRow({ shardId: "1" }), shardRow({ shardId: "1" })]),
        {
          written: 1,
        },
      );
      assert.equal((await shards.get(shardRow({})))?.state, "running");
    }),
  );

  test(
    "replaces a shard unless it is done or a later attempt is stored",
    within(async ({ shards }) => {
      assert.deepEqual(await shards.put(shardRow({ state: "running", attempt: 1 })), { outcome: "written" });
      assert.deepEqual(await shards.put(shardRow({ state: "failed", attempt: 0 })), { outcome: "stale" });
      assert.deepEqual(await shards.put(shardRow({ state: "failed", attempt: 1 })), { outcome: "written" });
      assert.deepEqual(await shards.put(shardRow({ state: "done", attempt: 2, requests: 40 })), { outcome: "written" });
      assert.deepEqual(await shards.put(shardRow({ state: "done", attempt: 2, requests: 99 })), {
        outcome: "already_done",
      });
      assert.deepEqual(await shards.put(shardRow({ state: "failed", attempt: 3 })), { outcome: "already_done" });
      assert.deepEqual(await shards.get(shardRow({})), shardRow({ state: "done", attempt: 2, requests: 40 }));
    }),
  );

  test(
    "lets exactly one of many finish a shard",
    within(async ({ shards }) => {
      const outcomes = await Promise.all(
        Array.from({ length: 30 }, (_, requests) => shards.put(shardRow({ state: "done", requests }))),
      );
      const written = outcomes.flatMap(({ outcome }, requests) => (outcome === "written" ? [requests] : []));
      assert.equal(written.length, 1);
      assert.equal((await shards.get(shardRow({})))?.requests, written[0]);
    }),
  );

  test(
    "opens a done shard again, once, with what it counted",
    within(async ({ shards }) => {
      const done = shardRow({ state: "done", attempt: 2, requests: 40, usdMicros: 7, losses: { no_claims: 3 } });
      const failed = shardRow({ shardId: "1", state: "failed", attempt: 1, error: "no" });
      await shards.createMany([done, failed, shardRow({ shardId: "2" })]);
      const all = [done, failed, shardRow({ shardId: "2" }), shardRow({ shardId: "nobody" })];
      assert.deepEqual(await shards.reopen(all), { reopened: 1 });
      assert.deepEqual(await shards.reopen(all), { reopened: 0 });
      assert.deepEqual(await shards.get(done), { ...done, state: "planned" });
      assert.deepEqual(await shards.get(failed), failed);
      assert.deepEqual(await shards.put({ ...done, attempt: 3 }), { outcome: "written" });
    }),
  );

  test(
    "lists shards of a run, of a pass and of a stage, ordered by pass, stage and shard",
    within(async ({ shards }) => {
      const keys = (["2.train", "1.train"] as const).flatMap((passId) =>
        (["score", "divide"] as const).flatMap((stage) => ["b", "a"].map((shardId) => ({ passId, stage, shardId }))),
      );
      await shards.createMany([...keys.map(shardRow), shardRow({ runId: "run-b" })]);
      const namesOf = async (filter: { passId?: string; stage?: "score" }) =>
        (await shards.list({ runId: "run-a", ...filter })).map((row) => `${row.passId} ${row.stage} ${row.shardId}`);
      const all = keys.map((key) => `${key.passId} ${key.stage} ${key.shardId}`).sort();
      assert.deepEqual(await namesOf({}), all);
      assert.deepEqual(await namesOf({ passId: "2.train" }), all.slice(4));
      assert.deepEqual(await namesOf({ stage: "score" }), [...all.slice(2, 4), ...all.slice(6)]);
      assert.deepEqual(await namesOf({ passId: "1.train", stage: "score" }), all.slice(2, 4));
      assert.deepEqual(await shards.list({ runId: "nobody" }), []);
    }),
  );
}

function shardRow(facts: Partial<ShardRow>): ShardRow {
  return {
    runId: "run-a",
    passId: "1.train",
    stage: "generate",
    shardId: "0",
    state: "planned",
    attempt: 0,
    samples: 1000,
    parked: 0,
    requests: 0,
    cachedReplies: 0,
    usdMicros: 0,
    seconds: 0,
    losses: {},
    ...facts,
  };
}
