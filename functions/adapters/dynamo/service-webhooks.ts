import type { WebhookStore } from "../../../shared/ports/service-store.ts";
import type { WebhookRow } from "../../../shared/schemas/service.ts";
import { NEWEST_WEBHOOKS, newestKey, webhookKey } from "./dynamo-keys.ts";
import { ABSENT, type Item } from "./items.ts";
import { newestPage } from "./newest.ts";
import { dynamoDeliveries } from "./service-deliveries.ts";
import type { TableRows } from "./table-rows.ts";

export function dynamoWebhooks(rows: TableRows): WebhookStore {
  return {
    async create(webhook) {
      await rows.put(itemOf(webhook), ABSENT);
    },
    async get(webhookId) {
      const item = await rows.get(webhookKey(webhookId));
      return item && webhookFrom(item);
    },
    /** Webhooks are few, so those of one owner are picked from all. */
    list: ({ owner, ...page }) =>
      newestPage(rows, {
        list: NEWEST_WEBHOOKS,
        page,
        rowFrom: webhookFrom,
        keyOf: ({ createdAt, webhookId }) => [createdAt, webhookId],
        keep: (webhook) => owner === undefined || webhook.owner === owner,
      }),
    async delete(webhookId) {
      const { outcome } = await rows.removeOnce(webhookKey(webhookId), { text: "attribute_exists(#pk)" });
      return { outcome: outcome === "written" ? "deleted" : "unknown_webhook" };
    },
    ...dynamoDeliveries(rows),
  };
}

function itemOf(webhook: WebhookRow): Item {
  const { webhookId, createdAt } = webhook;
  return {
    ...webhookKey(webhookId),
    ...newestKey(NEWEST_WEBHOOKS, createdAt, webhookId),
    row: JSON.stringify(webhook),
  };
}

function webhookFrom(item: Item): WebhookRow {
  return JSON.parse(item["row"] as string);
}
