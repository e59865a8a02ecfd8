/** API keys: made, listed and revoked by whoever holds the scope `admin`. */
import { createRoute, z } from "@hono/zod-openapi";
import { KEY_LIMITS, Limits, Scope } from "../../../shared/schemas/service.ts";
import { requires } from "../access.ts";
import { IdempotencyHeader, json, PageQuery, PROBLEMS, pageOf, Time } from "./common.ts";

const limit = Limits.shape;

export const KeyView = z
  .object({
    /** The 12 characters after `rlk_`. */
    id: z.string(),
    name: z.string(),
    scopes: z.array(Scope),
    limits: z.object({
      requests_per_minute: limit.requestsPerMinute,
      concurrent_requests: limit.concurrentRequests,
      tokens_per_day: limit.tokensPerDay,
      usd_per_day: limit.usdPerDay,
    }),
    created_at: Time,
    /** Null: never. */
    expires_at: Time.nullable(),
    revoked_at: Time.nullable(),
  })
  .openapi("Key");
export type KeyView = z.infer<typeof KeyView>;

export const NewKeyView = KeyView.extend({
  /** Shown only now. */
  key: z.string(),
}).openapi("NewKey");

export const CreateKeyBody = z
  .strictObject({
    /** Whose it is, or what for. */
    name: z.string().min(1).max(80),
    scopes: z.array(Scope).min(1).default(["chat"]),
    limits: z
      .strictObject({
        requests_per_minute: limit.requestsPerMinute.default(KEY_LIMITS.requestsPerMinute),
        concurrent_requests: limit.concurrentRequests.default(KEY_LIMITS.concurrentRequests),
        tokens_per_day: limit.tokensPerDay.default(KEY_LIMITS.tokensPerDay),
        usd_per_day: limit.usdPerDay.default(KEY_LIMITS.usdPerDay),
      })
      .prefault({}),
    /** Days until it stops working; left out: never. */
    expires_days: z.int().min(1).max(36_500).optional(),
  })
  .openapi("CreateKey");

export const createKey = createRoute({
  method: "post",
  path: "/v1/keys",
  tags: ["keys"],
  summary: "Make an API key; it is shown once, and only its hash is kept",
  description: "The answer is not kept for an Idempotency-Key either: a repeat is refused.",
  middleware: [requires("admin")] as const,
  request: {
    headers: IdempotencyHeader,
    body: {
      content: { "application/json": { schema: CreateKeyBody, example: { name: "ann", scopes: ["chat"] } } },
      required: true,
    },
  },
  responses: { 201: json(NewKeyView, "Made; keep the key"), ...PROBLEMS },
});

export const listKeys = createRoute({
  method: "get",
  path: "/v1/keys",
  tags: ["keys"],
  summary: "All keys, newest first, revoked ones too",
  middleware: [requires("admin")] as const,
  request: { query: PageQuery },
  responses: { 200: json(pageOf(KeyView), "A page"), ...PROBLEMS },
});

export const RevokedKeyView = KeyView.extend({
  /** `already_revoked` keeps the first time. */
  outcome: z.enum(["revoked", "already_revoked"]),
}).openapi("RevokedKey");

export const revokeKey = createRoute({
  method: "delete",
  path: "/v1/keys/{id}",
  tags: ["keys"],
  summary: "Make a key stop working, now and for ever",
  middleware: [requires("admin")] as const,
  request: { params: z.object({ id: z.string() }) },
  responses: { 200: json(RevokedKeyView, "Revoked; it stays in the list"), ...PROBLEMS },
});
