/** API keys over HTTP: an operator gives them to others. */
import { OpenAPIHono } from "@hono/zod-openapi";
import type { ApiKeyRow } from "../../../shared/schemas/service.ts";
import type { ApiEnv } from "../access.ts";
import { createKey, type KeyView, listKeys, revokeKey } from "../contract/keys.ts";
import type { ApiDeps } from "../deps.ts";
import { withCursor } from "../passes.ts";
import { notFound, refuseInvalid } from "../refusals.ts";
import { pageAt } from "../runs.ts";
import { makeKey } from "./make-key.ts";

export const keyRoutes = ({ service: { keys }, clock }: Pick<ApiDeps, "service" | "clock">) =>
  new OpenAPIHono<ApiEnv>({ defaultHook: refuseInvalid })
    .openapi(createKey, async (context) => {
      const { name, scopes, limits: asked, expires_days: expiresDays } = context.req.valid("json");
      const limits = {
        requestsPerMinute: asked.requests_per_minute,
        concurrentRequests: asked.concurrent_requests,
        tokensPerDay: asked.tokens_per_day,
        usdPerDay: asked.usd_per_day,
      };
      const { key, row } = await makeKey({ name, scopes, limits, expiresDays }, { keys, clock });
      context.header("cache-control", "no-store"); // not for an Idempotency-Key either
      return context.json({ ...keyView(row), key }, 201);
    })
    .openapi(listKeys, async (context) => {
      const { limit, cursor } = context.req.valid("query");
      const page = await withCursor(cursor, () => keys.list(pageAt(limit, cursor)));
      return context.json({ items: page.items.map(keyView), next_cursor: page.cursor ?? null }, 200);
    })
    .openapi(revokeKey, async (context) => {
      const { id } = context.req.valid("param");
      const { outcome } = await keys.revoke(id, clock.now());
      const row = outcome === "unknown_key" ? undefined : await keys.get(id);
      if (row === undefined || outcome === "unknown_key") {
        throw notFound("key.not_found", { field: "path.id", value: id, what: `key ${id}` });
      }
      return context.json({ ...keyView(row), outcome }, 200);
    });

function keyView({ keyId, name, scopes, limits, createdAt, expiresAt, revokedAt }: ApiKeyRow): KeyView {
  const time = (at: number) => new Date(at).toISOString();
  return {
    id: keyId,
    name,
    scopes,
    limits: {
      requests_per_minute: limits.requestsPerMinute,
      concurrent_requests: limits.concurrentRequests,
      tokens_per_day: limits.tokensPerDay,
      usd_per_day: limits.usdPerDay,
    },
    created_at: time(createdAt),
    expires_at: expiresAt === undefined ? null : time(expiresAt),
    revoked_at: revokedAt === undefined ? null : time(revokedAt),
  };
}
