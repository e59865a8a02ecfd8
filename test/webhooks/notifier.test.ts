import assert from "node:assert/strict";
import { test } from "node:test";
import { runRow, START, world } from "./support.ts";

const answered = async () => ({ status: 200 });

test("a delivery tells the event, its time and the run in the API's words", async () => {
  const { notify, deliveries } = await world(answered);
  await notify("run.paused", runRow({ state: "paused", reason: "budget", round: 2 }));
  const [delivery] = await deliveries();
  assert.deepEqual(JSON.parse(delivery?.body ?? ""), {
    type: "run.paused",
    timestamp: "2026-11-23T10:00:00.000Z",
    data: {
      id: "run-a",
      name: "demo",
      state: "paused",
      reason: "budget",
      round: 2,
      rounds: 4,
      created_at: "2026-11-23T09:59:00.000Z",
      updated_at: "2026-11-23T10:00:00.000Z",
      seconds: 42,
    },
  });
  assert.deepEqual([delivery?.state, delivery?.attempts, delivery?.nextAt], ["pending", 0, START]);
});

test("the same event of the same run is told once, and the next one again", async () => {
  const { notify, deliveries } = await world(answered);
  await Promise.all(Array.from({ length: 5 }, () => notify("run.paused", runRow({ version: 3 }))));
  await notify("run.started", runRow({ version: 4 }));
  await notify("run.paused", runRow({ version: 5 }));
  assert.deepEqual((await deliveries()).map(({ event }) => event).toSorted(), [
    "run.paused",
    "run.paused",
    "run.started",
  ]);
});

test("a webhook hears of its owner's runs, or of the one it names, and only of the events it wants", async () => {
  const { notify, create, store } = await world(answered);
  const hooks = {
    "all of the owner's": await create({ webhookId: "w1" }),
    "this run, another's": await create({ webhookId: "w2", owner: "key_b", runId: "run-a" }),
    "another's": await create({ webhookId: "w3", owner: "key_b" }),
    "another run": await create({ webhookId: "w4", runId: "run-b" }),
    "another event": await create({ webhookId: "w5", events: ["run.failed"] }),
    "nobody's run": await create({ webhookId: "w6", owner: "key_b", runId: "run-x" }),
  };
  await notify("run.finished", runRow());
  await notify("run.finished", runRow({ runId: "run-x" }));
  const told = Object.entries(hooks).map(async ([what, { webhookId }]) => {
    const { items } = await store.deliveries({ webhookId, limit: 9 });
    return items.map(({ runId }) => [what, runId]);
  });
  assert.deepEqual((await Promise.all(told)).flat(), [
    ["all of the owner's", "run-a"],
    ["this run, another's", "run-a"],
    ["nobody's run", "run-x"],
  ]);
});

test("every one of many webhooks is told", async () => {
  const { notify, create, store } = await world(answered);
  const hooks = await Promise.all(
    Array.from({ length: 250 }, (_, at) => create({ webhookId: `w${at}`, createdAt: at })),
  );
  await notify("run.finished", runRow());
  const told = await Promise.all(hooks.map(({ webhookId }) => store.deliveries({ webhookId, limit: 9 })));
  assert.ok(told.every(({ items }) => items.length === 1));
});
