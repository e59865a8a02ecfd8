/**
 * What each operation costs, as DynamoDB Local counts it; docs/dynamo-costs.md has these figures. Unlike AWS it counts nothing
 * for a row that is looked for and is not there.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { countUnits, type Units } from "../../../functions/adapters/dynamo/units.ts";
import type { CallRow } from "../../../shared/schemas/calls.ts";
import type { SampleRow, SampleState } from "../../../shared/schemas/rows.ts";
import { noDynamo, openLocalDynamo } from "../../support/dynamo-local.ts";
import { mirrorWrites } from "../../support/dynamo-mirror.ts";

const SAMPLES = 200;
const PASS = { runId: "run-0123456789ab", passId: "1.train" };
const LIFE = ["submitted", "generated", "divided", "questioned", "scored", "paired"] as const;
const ids = Array.from({ length: SAMPLES }, (_, at) => `smp_${at.toString(16).padStart(16, "0")}`);

/** As the pipeline names them. */
const pointerOf = (stage: string, at: number) => ({
  key: `runs/${PASS.runId}/1.train/${stage}/shard-0000-0123456789abcdef.jsonl`,
  offset: at * 4000,
  length: 4000,
});

type Store = Awaited<ReturnType<typeof openLocalDynamo>>["store"];

async function counted(work: (store: Store, take: () => Units) => Promise<void>): Promise<void> {
  const { store, client } = await openLocalDynamo();
  const mirror = await openLocalDynamo();
  const units = countUnits(client);
  mirrorWrites(client, mirror);
  try {
    await work(store, () => units.take());
  } finally {
    await Promise.all([store.close(), mirror.store.close()]);
  }
}

describe("request units over DynamoDB Local", { skip: noDynamo }, () => {
  test("200 samples cost 2.1 write units each to create and 2.03 for each move, and the index nothing", () =>
    counted(async ({ samples }, take) => {
      const rows = ids.map(
        (sampleId, at): SampleRow => ({
          ...PASS,
          sampleId,
          shardId: "shard-0000",
          state: "submitted",
          attempt: 0,
          pointer: pointerOf("submitted", at),
        }),
      );
      await samples.createMany(rows);
      // 3 transactions: 200 rows, 3 lists of ids (3, 3 and 1 KB), 3 counts; 2 units for each KB.
      assert.deepEqual(take(), { requests: 3, read: 0, write: 2 * (200 + (3 + 3 + 1) + 3), index: 0 });
      for (const [at, from] of LIFE.slice(0, -1).entries()) {
        const to = LIFE[at + 1] as SampleState;
        await samples.move(
          PASS.runId,
          PASS.passId,
          ids.map((sampleId, place) => ({ sampleId, from, attempt: 0, to, pointer: pointerOf(to, place) })),
        );
        assert.deepEqual(take(), { requests: 3, read: 0, write: 2 * (200 + 3), index: 0 }, to);
      }
      await samples.query({ ...PASS, shardId: "shard-0000", limit: 1000 });
      // The lists of ids are 5 KB, a unit for each 4; then one unit for each sample.
      assert.deepEqual(take(), { requests: 3, read: 2 + 200, write: 0, index: 0 });
      assert.equal((await samples.count(PASS.runId, PASS.passId)).paired, SAMPLES);
      assert.deepEqual(take(), { requests: 1, read: 1, write: 0, index: 0 });
    }));

  test("a sample that is parked, and one that is tried again, cost the index one entry and none", () =>
    counted(async ({ samples }, take) => {
      const row = {
        ...PASS,
        sampleId: "smp_a",
        shardId: "s",
        state: "submitted",
        attempt: 0,
        pointer: pointerOf("submitted", 0),
      } as const;
      await samples.createMany([row]);
      take();
      const move = { sampleId: "smp_a", from: "submitted", attempt: 0 } as const;
      await samples.move(PASS.runId, PASS.passId, [{ ...move, to: "submitted" }]);
      assert.deepEqual(take(), { requests: 1, read: 0, write: 2, index: 0 });
      await samples.move(PASS.runId, PASS.passId, [{ ...move, attempt: 1, to: "parked", reason: "no reply" }]);
      assert.deepEqual(take(), { requests: 1, read: 0, write: 6, index: 2 });
    }));

  test("money: a reservation costs 8 write units with one account and 14 with four; its end 6 and 12", () =>
    counted(async ({ ledger }, take) => {
      const accounts = ["rpm/2026-11-23T09:15/key_a", "slots/key_a", "tokens/2026-11-23/key_a", "usd/2026-11-23/key_a"];
      for (const account of accounts) await ledger.open(account, 1e6);
      assert.deepEqual(take(), { requests: 8, read: 4, write: 4, index: 0 });
      for (const [count, reserved, settled] of [
        [1, 8, 6],
        [4, 14, 12],
      ] as const) {
        const amounts = accounts.slice(0, count).map((account) => ({ account, amount: 10 }));
        await ledger.reserve({ id: `ask/${count}`, amounts, leaseUntil: 1000 });
        assert.deepEqual(take(), { requests: 2, read: count, write: reserved, index: 2 });
        await ledger.charge(`ask/${count}`, [], 2000);
        assert.deepEqual(take(), { requests: 2, read: 1, write: 2, index: 0 });
        await ledger.settle(`ask/${count}`, amounts);
        assert.deepEqual(take(), { requests: 2, read: 1, write: settled, index: 0 });
      }
    }));

  test("a GPU call costs 2 write units to begin, 1 for each report and 2 at its end", () =>
    counted(async ({ calls }, take) => {
      const call = callRow();
      await calls.create(call);
      assert.deepEqual(take(), { requests: 1, read: 0, write: 2, index: 1 });
      await calls.update({ ...call, state: "running" });
      assert.deepEqual(take(), { requests: 1, read: 0, write: 1, index: 0 });
      await calls.update({ ...call, state: "done", version: 1 });
      assert.deepEqual(take(), { requests: 1, read: 0, write: 2, index: 1 });
    }));

  test("what the service keeps costs one write unit a row, and one more for an entry in a list", () =>
    counted(async ({ service, runs, shards, replies }, take) => {
      const took: Record<string, [read: number, write: number]> = {};
      const note = async (what: string, work: Promise<unknown>) => {
        await work;
        const { read, write } = take();
        took[what] = [read, write];
      };
      const request = { key: "k", bodyHash: "h", state: "in_progress", leaseUntil: 10, expiresAt: 20 } as const;
      const delivery = {
        deliveryId: "d",
        webhookId: "w",
        event: "run.failed",
        runId: "r",
        body: "{}",
        state: "pending",
      } as const;
      const run = {
        runId: "r",
        name: "n",
        state: "running",
        version: 0,
        createdAt: 1,
        updatedAt: 1,
        workedMs: 0,
      } as const;
      const row = { ...run, configKey: "runs/r/config.json", round: 0, rounds: 4 };
      const shard = {
        ...PASS,
        stage: "score",
        shardId: "s",
        state: "planned",
        attempt: 0,
        samples: 1000,
        parked: 0,
      } as const;
      const full = { ...shard, requests: 0, cachedReplies: 0, usdMicros: 0, seconds: 0, losses: {} };
      await note("run created", runs.create(row));
      await note("run updated", runs.update(row));
      await note("run read", runs.get("r"));
      await note("shard created", shards.createMany([full]));
      await note("shard put", shards.put(full));
      await note("event appended", service.events.append("r", [{ at: 1, event: { kind: "run" } }]));
      await note("request begun", service.idempotency.begin(request, 0));
      await note("request finished", service.idempotency.finish("k", "h", { status: 200, headers: {}, body: "{}" }));
      await note("delivery queued", service.webhooks.enqueue([{ ...delivery, attempts: 0, nextAt: 1, createdAt: 1 }]));
      await note("delivery taken", service.webhooks.takeDue(5, 9, 1));
      await note("reply of 3 KB stored", replies.putMany([{ key: "a", reply: "x".repeat(2900) }]));
      await note("reply of 3 KB read", replies.getMany(["a"]));
      assert.deepEqual(took, {
        "run created": [0, 2],
        "run updated": [0, 1],
        "run read": [1, 0],
        "shard created": [0, 1],
        "shard put": [0, 1],
        "event appended": [0, 1],
        "request begun": [0, 2],
        "request finished": [0, 1],
        "delivery queued": [0, 6],
        "delivery taken": [1.5, 3],
        "reply of 3 KB stored": [0, 3],
        "reply of 3 KB read": [1, 0],
      });
    }));
});

function callRow(): CallRow {
  return {
    call: "run-0123456789ab/1.train/generate/shard-0000/0123456789abcdef#0",
    runId: PASS.runId,
    work: { kind: "batch", passId: PASS.passId, stage: "generate", shardId: "shard-0000", round: 1, attempt: 0 },
    state: "reserved",
    version: 0,
    token: "token",
    jobKey: "batches/0123456789abcdef/job.json",
    resultKey: "batches/0123456789abcdef/output.jsonl",
    deadlineSeconds: 3600,
    microsPerSecond: 1097,
    createdAt: 1000,
    seenAt: 1000,
    gpuSeconds: 0,
  };
}
