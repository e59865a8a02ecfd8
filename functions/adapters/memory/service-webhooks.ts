import type { WebhookStore } from "../../../shared/ports/service-store.ts";
import type { DeliveryRow, WebhookRow } from "../../../shared/schemas/service.ts";
import { checkLimit, compareUtf8 } from "../paging.ts";
import { newestPage } from "./service-paging.ts";

export function memoryWebhooks(): WebhookStore {
  const webhooks = new Map<string, WebhookRow>();

  return {
    async create(webhook) {
      if (!webhooks.has(webhook.webhookId)) webhooks.set(webhook.webhookId, structuredClone(webhook));
    },
    async get(webhookId) {
      return structuredClone(webhooks.get(webhookId));
    },
    async list({ owner, ...page }) {
      const wanted = [...webhooks.values()].filter((webhook) => owner === undefined || webhook.owner === owner);
      return newestPage(wanted, page, ({ webhookId }) => webhookId);
    },
    async delete(webhookId) {
      return { outcome: webhooks.delete(webhookId) ? "deleted" : "unknown_webhook" };
    },
    ...memoryDeliveries(),
  };
}

type Deliveries = Pick<WebhookStore, "enqueue" | "delivery" | "deliveries" | "takeDue" | "record" | "redeliver">;

function memoryDeliveries(): Deliveries {
  const rows = new Map<string, DeliveryRow>();

  return {
    async enqueue(deliveries) {
      const before = rows.size;
      for (const row of deliveries) if (!rows.has(row.deliveryId)) rows.set(row.deliveryId, structuredClone(row));
      return { written: rows.size - before };
    },
    async delivery(deliveryId) {
      return structuredClone(rows.get(deliveryId));
    },
    async deliveries({ webhookId, ...page }) {
      const wanted = [...rows.values()].filter((row) => row.webhookId === webhookId);
      return newestPage(wanted, page, ({ deliveryId }) => deliveryId);
    },
    async takeDue(now, leaseUntil, limit) {
      checkLimit(limit);
      const due = [...rows.values()].filter(({ state, nextAt }) => state === "pending" && nextAt <= now);
      const taken = due.sort(byDueTime).slice(0, limit);
      for (const row of taken) Object.assign(row, { attempts: row.attempts + 1, nextAt: leaseUntil });
      return structuredClone(taken);
    },
    async record({ deliveryId, attempts, state, nextAt, lastStatus, lastError }) {
      const row = rows.get(deliveryId);
      if (row?.attempts !== attempts) return { outcome: "stale" };
      const { lastStatus: _status, lastError: _error, ...rest } = row;
      const last = {
        ...(lastStatus === undefined ? {} : { lastStatus }),
        ...(lastError === undefined ? {} : { lastError }),
      };
      rows.set(deliveryId, { ...rest, state, nextAt, ...last });
      return { outcome: "written" };
    },
    async redeliver(deliveryId, now) {
      const row = rows.get(deliveryId);
      if (row === undefined) return { outcome: "unknown_delivery" };
      Object.assign(row, { state: "pending", attempts: 0, nextAt: now });
      return { outcome: "queued" };
    },
  };
}

function byDueTime(a: DeliveryRow, b: DeliveryRow): number {
  return a.nextAt - b.nextAt || compareUtf8(a.deliveryId, b.deliveryId);
}
