/** Webhooks of a key, and what was sent to them. Sending is the work of functions/workers. */
import { OpenAPIHono } from "@hono/zod-openapi";
import { bytesToHex } from "@noble/hashes/utils.js";
import type { DeliveryRow, WebhookEvent, WebhookRow } from "../../shared/schemas/service.ts";
import type { ApiEnv } from "./access.ts";
import type { Principal } from "./admission/admission.ts";
import { createWebhook, deleteWebhook, listDeliveries, listWebhooks, redeliver } from "./contract/service.ts";
import type { ApiDeps } from "./deps.ts";
import { runOf, withCursor } from "./passes.ts";
import { notFound, refuseInvalid } from "./refusals.ts";
import { pageAt } from "./runs.ts";

export type WebhookDeps = Pick<ApiDeps, "store" | "service" | "clock" | "checkWebhookUrl">;

export const webhookRoutes = (deps: WebhookDeps) =>
  new OpenAPIHono<ApiEnv>({ defaultHook: refuseInvalid })
    .openapi(createWebhook, async (context) => {
      const { url, events, run_id } = context.req.valid("json");
      if (run_id !== undefined) await runOf(run_id, deps);
      await deps.checkWebhookUrl(url);
      const webhook = await storeWebhook({ url, events, runId: run_id, owner: context.get("principal") }, deps);
      return context.json({ ...webhookView(webhook), secret: webhook.secret }, 201);
    })
    .openapi(listWebhooks, async (context) => {
      const { limit, cursor } = context.req.valid("query");
      const owner = context.get("principal").id;
      const page = await withCursor(cursor, () => deps.service.webhooks.list({ owner, ...pageAt(limit, cursor) }));
      return context.json({ items: page.items.map(webhookView), next_cursor: page.cursor ?? null }, 200);
    })
    .openapi(deleteWebhook, async (context) => {
      const { webhookId } = await webhookOf(context.req.valid("param").id, context.get("principal"), deps);
      await deps.service.webhooks.delete(webhookId);
      return context.body(null, 204);
    })
    .openapi(listDeliveries, async (context) => {
      const { limit, cursor } = context.req.valid("query");
      const { webhookId } = await webhookOf(context.req.valid("param").id, context.get("principal"), deps);
      const page = await withCursor(cursor, () =>
        deps.service.webhooks.deliveries({ webhookId, ...pageAt(limit, cursor) }),
      );
      return context.json({ items: page.items.map(deliveryView), next_cursor: page.cursor ?? null }, 200);
    })
    .openapi(redeliver, async (context) => {
      const { id, deliveryId } = context.req.valid("param");
      const { webhookId } = await webhookOf(id, context.get("principal"), deps);
      const known = await deps.service.webhooks.delivery(deliveryId);
      if (known?.webhookId !== webhookId) throw unknownDelivery(deliveryId);
      await deps.service.webhooks.redeliver(deliveryId, deps.clock.now());
      const queued = await deps.service.webhooks.delivery(deliveryId);
      return context.json(deliveryView(queued ?? known), 202);
    });

type NewWebhook = { url: string; events: WebhookEvent[]; runId: string | undefined; owner: Principal };

/** With a secret of its own, in the form of https://www.standardwebhooks.com. */
export async function storeWebhook(
  { url, events, runId, owner }: NewWebhook,
  { service, clock }: Pick<WebhookDeps, "service" | "clock">,
): Promise<WebhookRow> {
  const webhook: WebhookRow = {
    webhookId: `whk_${bytesToHex(randomBytes(8))}`,
    url,
    events,
    secret: `whsec_${btoa(String.fromCharCode(...randomBytes(24)))}`,
    ...(runId === undefined ? {} : { runId }),
    owner: owner.id,
    createdAt: clock.now(),
  };
  await service.webhooks.create(webhook);
  return webhook;
}

const randomBytes = (count: number) => crypto.getRandomValues(new Uint8Array(count));

/** The key's own webhook; `admin` sees everybody's. Of others' nobody learns that they are there. */
async function webhookOf(id: string, { id: owner, scopes }: Principal, { service }: WebhookDeps): Promise<WebhookRow> {
  const webhook = await service.webhooks.get(id);
  if (webhook !== undefined && (webhook.owner === owner || scopes.includes("admin"))) return webhook;
  throw notFound("webhook.not_found", { field: "path.id", value: id, what: `webhook "${id}" of this key` });
}

function unknownDelivery(id: string) {
  return notFound("delivery.not_found", {
    field: "path.deliveryId",
    value: id,
    what: `delivery "${id}" of this webhook`,
  });
}

function webhookView({ webhookId, url, events, runId, createdAt }: WebhookRow) {
  return { id: webhookId, url, events, run_id: runId ?? null, created_at: new Date(createdAt).toISOString() };
}

function deliveryView(row: DeliveryRow) {
  return {
    id: row.deliveryId,
    event: row.event,
    run_id: row.runId,
    state: row.state,
    attempts: row.attempts,
    next_attempt_at: row.state === "pending" ? new Date(row.nextAt).toISOString() : null,
    last_status: row.lastStatus ?? null,
    last_error: row.lastError ?? null,
    created_at: new Date(row.createdAt).toISOString(),
  };
}
