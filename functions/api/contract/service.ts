/** Images, manifests, the trust check, usage, models, webhooks. */
import { createRoute, z } from "@hono/zod-openapi";
import { BadRowRecord } from "../../../shared/schemas/plan.ts";
import { DeliveryState, WebhookEvent } from "../../../shared/schemas/service.ts";
import { requires } from "../access.ts";
import { IdempotencyHeader, json, PageQuery, PROBLEMS, pageOf, Time, Usd } from "./common.ts";
import { ClaimView } from "./samples.ts";
import { NamedUpload } from "./uploads.ts";

export const ImageView = z
  .object({
    /** Content id: SHA-256 of the bytes as they are kept. */
    id: z.string(),
    url: z.string(),
    format: z.enum(["jpeg", "png", "webp"]),
    width: z.int(),
    height: z.int(),
    bytes: z.int(),
    /** What was changed on the way in, e.g. `orientation`, `metadata`. */
    changed: z.array(z.string()),
  })
  .openapi("Image");

export const uploadImage = createRoute({
  method: "post",
  path: "/v1/images",
  tags: ["images"],
  summary: "Upload an image (JPEG, PNG or WebP, at most 20 MiB and 50 megapixels)",
  middleware: [requires("chat", "runs:write")] as const,
  request: {
    headers: IdempotencyHeader,
    body: {
      content: {
        "image/*": { schema: z.string().openapi({ format: "binary" }) },
        "application/octet-stream": { schema: z.string().openapi({ format: "binary" }) },
        "application/json": { schema: z.union([NamedUpload, z.strictObject({ url: z.string().min(1) })]) },
      },
      description:
        "The bytes themselves, whatever image type the header says; or JSON with a data or https URL, or with an upload.",
      required: false, // it is needed, but what is no JSON shall not be checked as JSON
    },
  },
  responses: { 201: json(ImageView, "Kept; the same image has the same id, however often it is sent"), ...PROBLEMS },
});

export const getImage = createRoute({
  method: "get",
  path: "/v1/images/{id}",
  tags: ["images"],
  summary: "An image's bytes",
  middleware: [requires("chat", "runs:read", "runs:write")] as const,
  request: {
    params: z.object({ id: z.string().regex(/^[0-9a-f]{64}$/) }),
    query: z.object({ size: z.enum(["full", "thumbnail"]).default("full") }),
  },
  responses: {
    200: { description: "The image", content: { "image/*": { schema: z.string().openapi({ format: "binary" }) } } },
    ...PROBLEMS,
  },
});

export const ManifestView = z
  .object({
    id: z.string(),
    samples: z.int(),
    bad_rows: z.object({ count: z.int(), first: z.array(BadRowRecord) }),
    created_at: Time,
  })
  .openapi("Manifest");

export const uploadManifest = createRoute({
  method: "post",
  path: "/v1/manifests",
  tags: ["runs"],
  summary: "Upload a manifest: NDJSON, one row a line, up to 100 MB, streamed; or what an upload holds",
  middleware: [requires("runs:write")] as const,
  request: {
    headers: IdempotencyHeader,
    query: z.object({ question: z.string().optional().openapi({ description: "of rows that have none" }) }),
    body: {
      content: { "application/x-ndjson": { schema: z.string() }, "application/json": { schema: NamedUpload } },
      required: false, // it is needed, but what is no JSON shall not be checked as JSON
    },
  },
  responses: { 201: json(ManifestView, "Checked and kept"), ...PROBLEMS },
});

export const ScoreBody = z
  .strictObject({
    /** Id of an uploaded image, a data URL or an https URL. */
    image: z.string().min(1),
    question: z.string().min(1).max(10_000),
    answer: z.string().min(1).max(100_000),
    /** Whose divider, questioner and labelers judge; default: the service's own. */
    model: z.string().optional(),
  })
  .openapi("ScoreRequest");

export const ScoreView = z
  .object({
    /** −(rejected claims); null where the claims could not be told apart. */
    score: z.int().nullable(),
    claims: z.array(ClaimView),
    counts: z.object({ accepted: z.int(), rejected: z.int(), abstained: z.int() }),
    unusable: z.string().nullable(),
    labelers: z.array(z.string()),
    warnings: z.array(z.string()),
    usage: z.object({ prompt_tokens: z.int(), completion_tokens: z.int(), total_tokens: z.int() }),
    usd: Usd,
  })
  .openapi("Score");
export type ScoreView = z.infer<typeof ScoreView>;

export const scoreAnswer = createRoute({
  method: "post",
  path: "/v1/score",
  tags: ["chat"],
  summary: "How far an answer about an image is to be trusted, claim by claim",
  middleware: [requires("chat")] as const,
  request: {
    headers: IdempotencyHeader,
    body: { content: { "application/json": { schema: ScoreBody } }, required: true },
  },
  responses: { 200: json(ScoreView, "Claims, verdicts and the score"), ...PROBLEMS },
});

const Window = z.object({ used: z.number(), reserved: z.number(), limit: z.number().nullable() });
export const UsageView = z
  .object({
    principal: z.string(),
    kind: z.enum(["owner", "key", "anonymous"]),
    scopes: z.array(z.string()),
    /** UTC. */
    day: z.iso.date(),
    usd: Window,
    tokens: Window,
    requests_this_minute: Window,
    concurrent_requests: Window,
  })
  .openapi("Usage");

export const getUsage = createRoute({
  method: "get",
  path: "/v1/usage",
  tags: ["service"],
  summary: "What this key has used today, and what is left",
  request: {},
  responses: { 200: json(UsageView, "Usage"), ...PROBLEMS },
});

export const WebhookView = z
  .object({
    id: z.string(),
    url: z.url(),
    events: z.array(WebhookEvent),
    run_id: z.string().nullable(),
    created_at: Time,
    /** Only in the answer that made it. */
    secret: z.string().optional(),
  })
  .openapi("Webhook");

export const createWebhook = createRoute({
  method: "post",
  path: "/v1/webhooks",
  tags: ["webhooks"],
  summary: "Be told of runs: signed as Standard Webhooks say, retried for a day",
  middleware: [requires("runs:write")] as const,
  request: {
    headers: IdempotencyHeader,
    body: {
      content: {
        "application/json": {
          schema: z.strictObject({
            url: z.url(),
            events: z
              .array(WebhookEvent)
              .min(1)
              .default([...WebhookEvent.options]),
            run_id: z.string().optional(),
          }),
        },
      },
      required: true,
    },
  },
  responses: { 201: json(WebhookView, "Made; keep the secret"), ...PROBLEMS },
});

export const listWebhooks = createRoute({
  method: "get",
  path: "/v1/webhooks",
  tags: ["webhooks"],
  summary: "This key's webhooks",
  middleware: [requires("runs:read")] as const,
  request: { query: PageQuery },
  responses: { 200: json(pageOf(WebhookView), "A page"), ...PROBLEMS },
});

const WebhookParams = z.object({ id: z.string() });

export const deleteWebhook = createRoute({
  method: "delete",
  path: "/v1/webhooks/{id}",
  tags: ["webhooks"],
  summary: "Stop telling",
  middleware: [requires("runs:write")] as const,
  request: { params: WebhookParams },
  responses: { 204: { description: "Gone" }, ...PROBLEMS },
});

export const DeliveryView = z
  .object({
    id: z.string(),
    event: WebhookEvent,
    run_id: z.string(),
    state: DeliveryState,
    attempts: z.int(),
    next_attempt_at: Time.nullable(),
    last_status: z.int().nullable(),
    last_error: z.string().nullable(),
    created_at: Time,
  })
  .openapi("Delivery");

export const listDeliveries = createRoute({
  method: "get",
  path: "/v1/webhooks/{id}/deliveries",
  tags: ["webhooks"],
  summary: "What was sent, and how it ended",
  middleware: [requires("runs:read")] as const,
  request: { params: WebhookParams, query: PageQuery },
  responses: { 200: json(pageOf(DeliveryView), "A page"), ...PROBLEMS },
});

export const redeliver = createRoute({
  method: "post",
  path: "/v1/webhooks/{id}/deliveries/{deliveryId}/redeliver",
  tags: ["webhooks"],
  summary: "Send it again",
  middleware: [requires("runs:write")] as const,
  request: { params: WebhookParams.extend({ deliveryId: z.string() }), headers: IdempotencyHeader },
  responses: { 202: json(DeliveryView, "Queued"), ...PROBLEMS },
});

export const healthz = createRoute({
  method: "get",
  path: "/healthz",
  tags: ["service"],
  summary: "Is it up?",
  responses: { 200: json(z.object({ status: z.literal("ok"), version: z.string() }), "Yes") },
});
