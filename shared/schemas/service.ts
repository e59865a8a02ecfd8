/** What the service remembers beside the runs: API keys, answered requests, events, webhooks. */
import { z } from "zod";

/** `admin` may do everything; `chat` also opens `POST /v1/score`. */
export const Scope = z.enum(["chat", "runs:read", "runs:write", "admin"]);
export type Scope = z.infer<typeof Scope>;

/** What one key or one anonymous client may use. */
export const Limits = z.strictObject({
  requestsPerMinute: z.int().min(1),
  concurrentRequests: z.int().min(1),
  tokensPerDay: z.int().min(0),
  usdPerDay: z.number().min(0),
});
export type Limits = z.infer<typeof Limits>;

/** Our choice: generous to a person, harmless to a purse. */
export const KEY_LIMITS: Limits = {
  requestsPerMinute: 600,
  concurrentRequests: 32,
  tokensPerDay: 20_000_000,
  usdPerDay: 50,
};
/** Our choice: enough to try the chat, too little to live on. */
export const ANONYMOUS_LIMITS: Limits = {
  requestsPerMinute: 20,
  concurrentRequests: 2,
  tokensPerDay: 200_000,
  usdPerDay: 0.25,
};

/** A stored API key: never the key itself. The key reads `rlk_<keyId>_<secret>`. */
export const ApiKeyRow = z.strictObject({
  keyId: z.string().regex(/^[0-9a-z]{12}$/),
  /** SHA-256 of the whole key, hex. */
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  name: z.string().min(1).max(80),
  scopes: z.array(Scope).min(1),
  limits: Limits,
  createdAt: z.int(),
  /** Absent: never. */
  expiresAt: z.int().optional(),
  revokedAt: z.int().optional(),
});
export type ApiKeyRow = z.infer<typeof ApiKeyRow>;

/** One POST that carried an `Idempotency-Key`; the same principal's key names it. */
export const IdempotencyRow = z.strictObject({
  /** `<principal> <method> <path> <Idempotency-Key>`. */
  key: z.string(),
  /** SHA-256 of the request body and its content type. */
  bodyHash: z.string(),
  state: z.enum(["in_progress", "done"]),
  /** Whoever began and has not ended by then is dead: another may begin again. ms since 1970. */
  leaseUntil: z.int(),
  /** Forgotten from then on. ms since 1970. */
  expiresAt: z.int(),
  response: z.strictObject({ status: z.int(), headers: z.record(z.string(), z.string()), body: z.string() }).optional(),
});
export type IdempotencyRow = z.infer<typeof IdempotencyRow>;

/** An event of a run as it was recorded; `seq` counts from 1 in each run without gaps. */
export const EventRow = z.strictObject({
  runId: z.string(),
  seq: z.int().min(1),
  at: z.int(),
  event: z.record(z.string(), z.unknown()),
});
export type EventRow = z.infer<typeof EventRow>;

export const WebhookEvent = z.enum(["run.started", "run.paused", "run.stopped", "run.finished", "run.failed"]);
export type WebhookEvent = z.infer<typeof WebhookEvent>;

/** Where to tell of runs. The secret (`whsec_<base64>`) signs every delivery; it is shown once, when the webhook is made. */
export const WebhookRow = z.strictObject({
  webhookId: z.string(),
  url: z.url(),
  events: z.array(WebhookEvent).min(1),
  secret: z.string(),
  /** Only this run; absent: all runs of the owner. */
  runId: z.string().optional(),
  /** The principal who made it. */
  owner: z.string(),
  createdAt: z.int(),
});
export type WebhookRow = z.infer<typeof WebhookRow>;

export const DeliveryState = z.enum(["pending", "delivered", "given_up"]);
export const DeliveryRow = z.strictObject({
  deliveryId: z.string(),
  webhookId: z.string(),
  event: WebhookEvent,
  runId: z.string(),
  /** The JSON text that is signed and sent, the same in every attempt. */
  body: z.string(),
  state: DeliveryState,
  attempts: z.int().min(0),
  /** When the next attempt is due, ms since 1970; with `pending` only. */
  nextAt: z.int(),
  createdAt: z.int(),
  /** Of the last attempt: the HTTP status, or why none came. */
  lastStatus: z.int().optional(),
  lastError: z.string().optional(),
});
export type DeliveryRow = z.infer<typeof DeliveryRow>;

/** A checked set of samples that runs can name: `man_<16 hex>`. Its samples lie in `manifests/<id>.jsonl`. */
export const ManifestRow = z.strictObject({
  manifestId: z.string().regex(/^man_[0-9a-f]{16}$/),
  samples: z.int().min(0),
  badRows: z.int().min(0),
  digest: z.string(),
  createdAt: z.int(),
});
export type ManifestRow = z.infer<typeof ManifestRow>;

export const UploadKind = z.enum(["image", "rows"]);
export type UploadKind = z.infer<typeof UploadKind>;

/** Bytes that a client has announced: they come to `uploads/<id>`, and a request names them by the id. */
export const UploadRow = z.strictObject({
  uploadId: z.string().regex(/^upl_[0-9a-f]{32}$/),
  /** The principal who may use them. */
  owner: z.string(),
  kind: UploadKind,
  bytes: z.int().min(1),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  createdAt: z.int(),
  /** Of the URL. */
  expiresAt: z.int(),
  /** Where the URL is the service's own: SHA-256 of the token in it, hex. */
  tokenHash: z.string().optional(),
});
export type UploadRow = z.infer<typeof UploadRow>;
