import type { DatabaseSync } from "node:sqlite";
import type { WebhookStore } from "../../../shared/ports/service-store.ts";
import type { DeliveryRow, WebhookRow } from "../../../shared/schemas/service.ts";
import { checkLimit } from "../paging.ts";
import type { Write } from "./group-commit.ts";
import { newestFirst } from "./service-paging.ts";

export function sqliteWebhooks(database: DatabaseSync, write: Write): WebhookStore {
  const insert = database.prepare(
    "INSERT INTO webhooks (webhook_id, owner, created_at, row) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
  );
  const select = database.prepare("SELECT row FROM webhooks WHERE webhook_id = ?");
  const remove = database.prepare("DELETE FROM webhooks WHERE webhook_id = ?");
  const table = { table: "webhooks", id: "webhook_id" };
  const all = newestFirst(database, table, webhookFrom);
  const owned = newestFirst(database, { ...table, by: "owner" }, webhookFrom);

  return {
    create: (webhook) =>
      write(() => void insert.run(webhook.webhookId, webhook.owner, webhook.createdAt, JSON.stringify(webhook))),
    async get(webhookId) {
      const found = select.get(webhookId);
      return found && webhookFrom(found);
    },
    list: async ({ owner, ...page }) => (owner === undefined ? all(page) : owned(page, owner)),
    delete: (webhookId) =>
      write(() => ({ outcome: remove.run(webhookId).changes === 1 ? "deleted" : "unknown_webhook" })),
    ...sqliteDeliveries(database, write),
  };
}

type Deliveries = Pick<WebhookStore, "enqueue" | "delivery" | "deliveries" | "takeDue" | "record" | "redeliver">;

function sqliteDeliveries(database: DatabaseSync, write: Write): Deliveries {
  const statements = deliveryStatements(database);
  const list = newestFirst(database, { table: "deliveries", id: "delivery_id", by: "webhook_id" }, deliveryFrom);

  return {
    enqueue: (deliveries) =>
      write(() => ({
        written: deliveries.filter((row) => statements.insert.run(...valuesOf(row)).changes === 1).length,
      })),
    async delivery(deliveryId) {
      const found = statements.select.get(deliveryId);
      return found && deliveryFrom(found);
    },
    deliveries: async ({ webhookId, ...page }) => list(page, webhookId),
    async takeDue(now, leaseUntil, limit) {
      checkLimit(limit);
      // Senders look often and mostly in vain: a look that finds nothing takes no write lock.
      if (statements.anyDue.get(now) === undefined) return [];
      return write(() =>
        statements.due.all(now, limit).map((found) => {
          const row = deliveryFrom(found);
          statements.take.run(leaseUntil, row.deliveryId);
          return { ...row, attempts: row.attempts + 1, nextAt: leaseUntil };
        }),
      );
    },
    record: ({ deliveryId, attempts, state, nextAt, lastStatus, lastError }) =>
      write(() => {
        const values = [state, nextAt, lastStatus ?? null, lastError ?? null] as const;
        return { outcome: statements.record.run(...values, deliveryId, attempts).changes === 1 ? "written" : "stale" };
      }),
    redeliver: (deliveryId, now) =>
      write(() => ({
        outcome: statements.redeliver.run(now, deliveryId).changes === 1 ? "queued" : "unknown_delivery",
      })),
  };
}

function deliveryStatements(database: DatabaseSync) {
  const due = "FROM deliveries WHERE state = 'pending' AND next_at <= ?";
  return {
    insert: database.prepare(
      `INSERT INTO deliveries (delivery_id, webhook_id, event, run_id, body, state, attempts, next_at, created_at,
         last_status, last_error) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
    ),
    select: database.prepare("SELECT * FROM deliveries WHERE delivery_id = ?"),
    anyDue: database.prepare(`SELECT 1 ${due} LIMIT 1`),
    due: database.prepare(`SELECT * ${due} ORDER BY next_at, delivery_id LIMIT ?`),
    take: database.prepare("UPDATE deliveries SET attempts = attempts + 1, next_at = ? WHERE delivery_id = ?"),
    record: database.prepare(
      `UPDATE deliveries SET state = ?, next_at = ?, last_status = ?, last_error = ?
         WHERE delivery_id = ? AND attempts = ?`,
    ),
    redeliver: database.prepare(
      "UPDATE deliveries SET state = 'pending', attempts = 0, next_at = ? WHERE delivery_id = ?",
    ),
  };
}

function webhookFrom(found: Record<string, unknown>): WebhookRow {
  return JSON.parse(found["row"] as string);
}

/** In the order of the insert's columns. */
function valuesOf(row: DeliveryRow) {
  const { deliveryId, webhookId, event, runId, body, state, attempts, nextAt, createdAt, lastStatus, lastError } = row;
  const last = [lastStatus ?? null, lastError ?? null] as const;
  return [deliveryId, webhookId, event, runId, body, state, attempts, nextAt, createdAt, ...last] as const;
}

function deliveryFrom(found: Record<string, unknown>): DeliveryRow {
  const lastStatus = found["last_status"] as number | null;
  const lastError = found["last_error"] as string | null;
  return {
    deliveryId: found["delivery_id"] as string,
    webhookId: found["webhook_id"] as string,
    event: found["event"] as DeliveryRow["event"],
    runId: found["run_id"] as string,
    body: found["body"] as string,
    state: found["state"] as DeliveryRow["state"],
    attempts: found["attempts"] as number,
    nextAt: found["next_at"] as number,
    createdAt: found["created_at"] as number,
    ...(lastStatus === null ? {} : { lastStatus }),
    ...(lastError === null ? {} : { lastError }),
  };
}
