/** Rows and results at the limits of DynamoDB: 400 KB an item, 1 MB a page, 4 MB a transaction, and TTL that is late. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { dynamoStore } from "../../../functions/adapters/dynamo/store.ts";
import type { Clock } from "../../../shared/ports/clock.ts";
import { forward, PASS, RUN, sampleRow } from "../../contract/sample-rows.ts";
import { between } from "../../support/dynamo-faults.ts";
import { type LocalDynamo, noDynamo, openLocalDynamo } from "../../support/dynamo-local.ts";

async function within(work: (local: LocalDynamo) => Promise<void>): Promise<void> {
  const local = await openLocalDynamo();
  try {
    await work(local);
  } finally {
    await local.store.close();
  }
}

const KB = 1024;

describe("at the limits of DynamoDB Local", { skip: noDynamo }, () => {
  test("keeps a row just below 400 KB, refuses one above it by name, and goes on with the others", () =>
    within(async ({ store: { samples, shards } }) => {
      const near = sampleRow({ sampleId: "near", reason: "ü".repeat(199 * KB) });
      const above = sampleRow({ sampleId: "above", reason: "ü".repeat(200 * KB) });
      assert.deepEqual(await samples.createMany([near]), { written: 1 });
      assert.deepEqual(await samples.get(RUN, PASS, "near"), near);
      await assert.rejects(
        samples.createMany([above]),
        /row sample#run-a#1.train#\w\w above: \d+ bytes are more than the 409600/,
      );
      const late = { ...forward("near"), to: "parked" as const, reason: "x".repeat(401 * KB) };
      await assert.rejects(samples.move(RUN, PASS, [late]), /near: \d+ bytes are more than the 409600/);
      assert.deepEqual(await samples.move(RUN, PASS, [forward("near")]), [{ sampleId: "near", outcome: "moved" }]);
      const shard = {
        runId: RUN,
        passId: PASS,
        stage: "score",
        shardId: "s",
        state: "failed",
        attempt: 0,
        samples: 1,
      } as const;
      const row = { ...shard, parked: 0, requests: 0, cachedReplies: 0, usdMicros: 0, seconds: 0, losses: {} };
      await assert.rejects(
        shards.put({ ...row, error: "x".repeat(400 * KB) }),
        /row shards#run-a 1.train#score#s: \d+ bytes/,
      );
      assert.deepEqual(await shards.put({ ...row, error: "x".repeat(399 * KB) }), { outcome: "written" });
    }));

  test("creates and moves rows that no single transaction of 4 MB could hold", () =>
    within(async ({ store: { samples } }) => {
      const rows = Array.from({ length: 15 }, (_, at) =>
        sampleRow({ sampleId: `s${at}`, reason: "x".repeat(380 * KB) }),
      );
      assert.deepEqual(await samples.createMany(rows), { written: 15 });
      const moves = rows.map(({ sampleId }) => ({
        ...forward(sampleId),
        to: "parked" as const,
        reason: "y".repeat(380 * KB),
      }));
      const moved = await samples.move(RUN, PASS, moves);
      assert.ok(moved.every(({ outcome }) => outcome === "moved"));
      // Each list has to read 5.7 MB: six pages of the table at least.
      const expected = rows.map((row) => ({ ...row, state: "parked", reason: "y".repeat(380 * KB) }));
      const inOrder = expected.toSorted((a, b) => (a.sampleId < b.sampleId ? -1 : 1));
      const filter = { runId: RUN, passId: PASS, limit: 100 };
      for (const more of [{}, { state: "parked" as const }, { shardId: "shard-0" }]) {
        assert.deepEqual(await samples.query({ ...filter, ...more }), { items: inOrder });
      }
    }));

  test("reads events and shards of more than 1 MB whole, page by page", () =>
    within(async ({ store: { service, shards }, client }) => {
      let queries = 0;
      between(client, async ({ commandName }, send) => {
        if (commandName === "QueryCommand") queries++;
        return send();
      });
      const text = "x".repeat(300 * KB);
      for (let at = 0; at < 8; at++) await service.events.append("r", [{ at, event: { kind: "run", text } }]);
      queries = 0;
      const events = await service.events.read("r", { after: 1, limit: 7 });
      assert.deepEqual([events.map(({ seq }) => seq), queries], [[2, 3, 4, 5, 6, 7, 8], 2]);
      const row = {
        runId: "r",
        passId: PASS,
        stage: "score",
        state: "failed",
        attempt: 0,
        samples: 1,
        parked: 0,
      } as const;
      const full = { ...row, requests: 0, cachedReplies: 0, usdMicros: 0, seconds: 0, losses: {}, error: text };
      const many = Array.from({ length: 8 }, (_, at) => ({ ...full, shardId: `s${at}` }));
      assert.deepEqual(await shards.createMany(many), { written: 8 });
      queries = 0;
      assert.deepEqual(await shards.list({ runId: "r" }), many);
      assert.ok(queries >= 2, `${queries} queries`);
    }));

  test("gives a long reply back whole, whatever it is made of, and the first of two long ones", () =>
    within(async ({ store: { replies } }) => {
      const surrogates = `x${"🙂".repeat(300_000)}`;
      await replies.putMany([{ key: "a", reply: surrogates }]);
      assert.equal((await replies.getMany(["a"])).get("a"), surrogates);
      const long = ["1", "2", "3", "4"].map((digit) => digit.repeat(500_000));
      await Promise.all(long.map((reply) => replies.putMany([{ key: "b", reply }])));
      assert.ok(long.includes((await replies.getMany(["b"])).get("b") ?? ""));
    }));

  test("takes a delivery for gone once its time is over, though TTL has not removed it yet", async () => {
    let now = 1_800_000_000_000;
    const clock: Clock = { now: () => now, sleep: async () => {} };
    const local = await openLocalDynamo({ clock });
    try {
      const { webhooks } = local.store.service;
      const row = {
        deliveryId: "d",
        webhookId: "w",
        event: "run.failed",
        runId: "r",
        body: "{}",
        state: "pending",
      } as const;
      const delivery = { ...row, attempts: 0, nextAt: 1, createdAt: 1 };
      await webhooks.enqueue([delivery]);
      now += 30 * 24 * 3600 * 1000 - 1000;
      assert.deepEqual(await webhooks.delivery("d"), delivery);
      now += 2000;
      assert.equal(await webhooks.delivery("d"), undefined);
      assert.deepEqual(await webhooks.deliveries({ webhookId: "w", limit: 5 }), { items: [] });
      assert.deepEqual(await webhooks.takeDue(now, now + 1, 5), []);
      assert.deepEqual(await webhooks.redeliver("d", now), { outcome: "unknown_delivery" });
      assert.deepEqual(await webhooks.enqueue([delivery]), { written: 1 });
      assert.deepEqual(await webhooks.delivery("d"), delivery);
    } finally {
      await local.store.close();
    }
  });

  test("two processes on one table number a run's events together, and none sends a delivery twice", () =>
    within(async ({ store, client, table }) => {
      const clock = { now: () => Date.now(), sleep: async () => {} };
      const stores = [store, dynamoStore({ client, table, clock, random: Math.random })];
      const appends = Array.from({ length: 20 }, (_, at) =>
        stores[at % 2]?.service.events.append("a", [{ at, event: { kind: "run" } }]),
      );
      const numbers = (await Promise.all(appends)).map(Number).sort((a, b) => a - b);
      assert.deepEqual(
        numbers,
        Array.from({ length: 20 }, (_, at) => at + 1),
      );
      const row = { webhookId: "w", event: "run.failed", runId: "r", body: "{}", state: "pending" } as const;
      const rows = Array.from({ length: 20 }, (_, at) => ({
        ...row,
        deliveryId: `d${at}`,
        attempts: 0,
        nextAt: at,
        createdAt: 0,
      }));
      await store.service.webhooks.enqueue(rows);
      const senders = Array.from({ length: 6 }, (_, at) => stores[at % 2]?.service.webhooks.takeDue(99, 200, 7));
      const taken = (await Promise.all(senders)).flatMap((some) => some ?? []).map(({ deliveryId }) => deliveryId);
      assert.deepEqual(taken.toSorted(), rows.map(({ deliveryId }) => deliveryId).sort());
    }));
});
