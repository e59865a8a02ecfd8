import assert from "node:assert/strict";
import { test } from "node:test";
import type { DeliveryRow, WebhookRow } from "../../shared/schemas/service.ts";
import type { WithService } from "./service-store.ts";

export function webhooksContract(within: WithService): void {
  test(
    "keeps webhooks, lists each owner's newest first, and deletes them",
    within(async ({ webhooks }) => {
      const rows = [
        webhookRow("w1", { createdAt: 1 }),
        webhookRow("w2", { createdAt: 2, owner: "key_b", runId: "run-a" }),
        webhookRow("w3", { createdAt: 3 }),
      ];
      for (const row of rows) await webhooks.create(row);
      await webhooks.create(webhookRow("w1", { url: "https://late.example/" }));
      assert.deepEqual(await webhooks.get("w1"), rows[0]);
      assert.deepEqual(await webhooks.get("w2"), rows[1]);
      assert.deepEqual((await webhooks.list({ limit: 9 })).items, rows.toReversed());
      const first = await webhooks.list({ owner: "key_a", limit: 1 });
      const second = await webhooks.list({ owner: "key_a", limit: 1, cursor: first.cursor as string });
      assert.deepEqual([first.items, second], [[rows[2]], { items: [rows[0]] }]);
      assert.deepEqual(await webhooks.delete("w1"), { outcome: "deleted" });
      assert.deepEqual(await webhooks.delete("w1"), { outcome: "unknown_webhook" });
      assert.equal(await webhooks.get("w1"), undefined);
    }),
  );

  test(
    "queues a delivery once, and keeps it when its webhook goes",
    within(async ({ webhooks }) => {
      await webhooks.create(webhookRow("w1"));
      assert.deepEqual(await webhooks.enqueue([deliveryRow("d1"), deliveryRow("d2")]), { written: 2 });
      const again = [deliveryRow("d2", { body: "late" }), deliveryRow("d3", { createdAt: 3 })];
      assert.deepEqual(await webhooks.enqueue(again), { written: 1 });
      await webhooks.delete("w1");
      assert.deepEqual(await webhooks.delivery("d2"), deliveryRow("d2"));
      assert.equal(await webhooks.delivery("nobody"), undefined);
      const first = await webhooks.deliveries({ webhookId: "w1", limit: 2 });
      const second = await webhooks.deliveries({ webhookId: "w1", limit: 2, cursor: first.cursor as string });
      assert.deepEqual([...first.items, ...second.items].map(idOf), ["d3", "d2", "d1"]);
      assert.deepEqual((await webhooks.deliveries({ webhookId: "w2", limit: 2 })).items, []);
    }),
  );

  test(
    "hands out what is due, oldest first, and each to one sender only until its lease is over",
    within(async ({ webhooks }) => {
      const times = { d1: 30, d2: 10, d3: 20, d4: 10 };
      await webhooks.enqueue(Object.entries(times).map(([id, nextAt]) => deliveryRow(id, { nextAt })));
      const taken = await Promise.all([1, 2].map(() => webhooks.takeDue(20, 50, 2)));
      assert.deepEqual(
        taken.map((rows) => rows.map(idOf)),
        [["d2", "d4"], ["d3"]],
      );
      assert.deepEqual(taken[0]?.[0], deliveryRow("d2", { attempts: 1, nextAt: 50 }));
      assert.deepEqual(await webhooks.delivery("d2"), deliveryRow("d2", { attempts: 1, nextAt: 50 }));
      assert.deepEqual(await webhooks.takeDue(29, 60, 9), []);
      assert.deepEqual((await webhooks.takeDue(50, 80, 9)).map(idOf), ["d1", "d2", "d3", "d4"]);
    }),
  );

  test(
    "records how an attempt ended, unless another has begun since",
    within(async ({ webhooks }) => {
      await webhooks.enqueue([deliveryRow("d1")]);
      const [first] = await webhooks.takeDue(10, 50, 1);
      const [second] = await webhooks.takeDue(50, 90, 1);
      assert.ok(first && second);
      const late = { ...first, state: "delivered" as const, lastStatus: 200 };
      assert.deepEqual(await webhooks.record(late), { outcome: "stale" });
      const failed = { ...second, nextAt: 70, lastError: "no answer" };
      assert.deepEqual(await webhooks.record(failed), { outcome: "written" });
      assert.deepEqual(await webhooks.delivery("d1"), failed);
      const [third] = await webhooks.takeDue(70, 120, 1);
      const { lastError, ...answered } = { ...(third as DeliveryRow), state: "delivered" as const, lastStatus: 204 };
      assert.equal(lastError, "no answer");
      await webhooks.record(answered);
      assert.deepEqual(await webhooks.delivery("d1"), answered);
      assert.deepEqual(await webhooks.takeDue(9999, 99999, 1), []);
      assert.deepEqual(await webhooks.record(deliveryRow("nobody")), { outcome: "stale" });
    }),
  );

  test(
    "makes any delivery due again with its attempts at 0",
    within(async ({ webhooks }) => {
      await webhooks.enqueue([deliveryRow("d1", { state: "given_up", attempts: 8, lastStatus: 500 })]);
      assert.deepEqual(await webhooks.takeDue(99, 100, 1), []);
      assert.deepEqual(await webhooks.redeliver("d1", 40), { outcome: "queued" });
      assert.deepEqual(await webhooks.delivery("d1"), deliveryRow("d1", { attempts: 0, nextAt: 40, lastStatus: 500 }));
      assert.deepEqual(await webhooks.redeliver("nobody", 40), { outcome: "unknown_delivery" });
    }),
  );
}

function webhookRow(webhookId: string, facts: Partial<WebhookRow> = {}): WebhookRow {
  return {
    webhookId,
    url: "https://example.com/hook",
    events: ["run.finished", "run.paused"],
    secret: "whsec_c2VjcmV0",
    owner: "key_a",
    createdAt: 1,
    ...facts,
  };
}

function deliveryRow(deliveryId: string, facts: Partial<DeliveryRow> = {}): DeliveryRow {
  return {
    deliveryId,
    webhookId: "w1",
    event: "run.finished",
    runId: "run-a",
    body: '{"type":"run.finished"}',
    state: "pending",
    attempts: 0,
    nextAt: 10,
    createdAt: 1,
    ...facts,
  };
}

const idOf = ({ deliveryId }: DeliveryRow): string => deliveryId;
