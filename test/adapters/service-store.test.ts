import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { memoryServiceStore } from "../../functions/adapters/memory/service.ts";
import { openSqliteStore } from "../../functions/adapters/sqlite/store.ts";
import { readUpTo } from "../contract/service-events.ts";
import { serviceStoreContract } from "../contract/service-store.ts";
import { tempFolder } from "../support/temp-folder.ts";

serviceStoreContract("memory", async () => ({ service: memoryServiceStore(), close: async () => undefined }));
serviceStoreContract("SQLite in memory", async () => openSqliteStore(":memory:"));
serviceStoreContract("SQLite", async () => {
  const folder = await tempFolder("service");
  const store = openSqliteStore(join(folder.path, "state.sqlite"));
  return { service: store.service, close: () => store.close().finally(() => folder[Symbol.asyncDispose]()) };
});

async function twoOnOneFile(work: (a: ReturnType<typeof openSqliteStore>, b: typeof a) => Promise<void>) {
  await using folder = await tempFolder("service-two");
  const [a, b] = [0, 1].map(() => openSqliteStore(join(folder.path, "state.sqlite")));
  assert.ok(a && b);
  try {
    await work(a, b);
  } finally {
    await Promise.all([a.close(), b.close()]);
  }
}

test("two processes on one SQLite file number a run's events together, and each hears of the other's", () =>
  twoOnOneFile(async (a, b) => {
    const readers = [a, b].map(({ service }) => readUpTo(service.events, 20));
    for (let at = 0; at < 20; at++) {
      await (at % 2 === 0 ? a : b).service.events.append("a", [{ at, event: { kind: "run" } }]);
    }
    const times = Array.from({ length: 20 }, (_, at) => at);
    assert.deepEqual(await Promise.all(readers), [times, times]);
  }));

test("two processes on one SQLite file never send the same delivery and never begin the same request", () =>
  twoOnOneFile(async (a, b) => {
    const row = { webhookId: "w", event: "run.failed", runId: "r", body: "{}", state: "pending" } as const;
    const rows = Array.from({ length: 40 }, (_, at) => ({
      ...row,
      deliveryId: `d${at}`,
      attempts: 0,
      nextAt: at,
      createdAt: 0,
    }));
    await a.service.webhooks.enqueue(rows);
    const stores = Array.from({ length: 10 }, (_, at) => (at % 2 === 0 ? a : b).service);
    const taken = (await Promise.all(stores.map(({ webhooks }) => webhooks.takeDue(99, 200, 7)))).flat();
    assert.equal(taken.length, 40);
    assert.equal(new Set(taken.map(({ deliveryId }) => deliveryId)).size, 40);

    const request = { key: "k", bodyHash: "h", state: "in_progress", leaseUntil: 10, expiresAt: 20 } as const;
    const begun = await Promise.all(stores.map(({ idempotency }) => idempotency.begin(request, 0)));
    assert.equal(begun.filter(({ outcome }) => outcome === "begun").length, 1);
  }));

test("a key that one process makes opens another at once, and one it revokes does not", () =>
  twoOnOneFile(async (a, b) => {
    const limits = { requestsPerMinute: 1, concurrentRequests: 1, tokensPerDay: 0, usdPerDay: 0 };
    const key = {
      keyId: "0123456789ab",
      hash: "0".repeat(64),
      name: "n",
      scopes: ["chat" as const],
      limits,
      createdAt: 1,
    };
    await a.service.keys.create(key);
    assert.deepEqual(await b.service.keys.get(key.keyId), key);
    await b.service.keys.revoke(key.keyId, 5);
    assert.equal((await a.service.keys.get(key.keyId))?.revokedAt, 5);
  }));

test("who waits for a run's events is let go when the store is closed", async () => {
  const store = openSqliteStore(":memory:");
  const waiting = store.service.events.changed("a", 0, new AbortController().signal);
  await store.close();
  await waiting;
});
