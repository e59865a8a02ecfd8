import type { ApiKeyRow, DeliveryRow, EventRow, IdempotencyRow, WebhookRow } from "../schemas/service.ts";
import type { Page } from "./state-store.ts";

export interface KeyStore {
  create(key: ApiKeyRow): Promise<{ outcome: "written" | "already_there" }>;
  get(keyId: string): Promise<ApiKeyRow | undefined>;
  /** Newest first; revoked ones too. */
  list(page: { limit: number; cursor?: string }): Promise<Page<ApiKeyRow>>;
  /** `already_revoked` keeps the first time. */
  revoke(keyId: string, at: number): Promise<{ outcome: "revoked" | "already_revoked" | "unknown_key" }>;
}

export interface IdempotencyStore {
  /**
   * Begins a request, in one conditional write. `begun`: nobody has, or whoever did is dead (lease over) or forgotten
   * (expired). Otherwise the stored row tells what to answer.
   */
  begin(row: IdempotencyRow, now: number): Promise<{ outcome: "begun" } | { outcome: "known"; row: IdempotencyRow }>;
  /** Stores the answer; changes nothing unless the row is in progress with this `bodyHash`. */
  finish(key: string, bodyHash: string, response: NonNullable<IdempotencyRow["response"]>): Promise<void>;
  /** Lets the next request with this key begin: after an answer that is not worth keeping. */
  forget(key: string): Promise<void>;
  /** Deletes rows that expired at or before `now`. */
  sweep(now: number): Promise<{ deleted: number }>;
}

/** What runs told, in order. */
export interface EventLog {
  /** Appends in the order given; `seq` goes on from the last. Returns the last `seq`. */
  append(runId: string, events: readonly { at: number; event: EventRow["event"] }[]): Promise<number>;
  /** Oldest first, those with `seq > after`; at most `limit`. */
  read(runId: string, page: { after: number; limit: number }): Promise<EventRow[]>;
  /** Resolves when the run has an event after `after`, or when `signal` is aborted. May resolve early: read again. */
  changed(runId: string, after: number, signal: AbortSignal): Promise<void>;
}

export interface WebhookStore {
  create(webhook: WebhookRow): Promise<void>;
  get(webhookId: string): Promise<WebhookRow | undefined>;
  /** Newest first. */
  list(filter: { owner?: string; limit: number; cursor?: string }): Promise<Page<WebhookRow>>;
  /** Its deliveries stay. */
  delete(webhookId: string): Promise<{ outcome: "deleted" | "unknown_webhook" }>;
  /** Writes rows that are not there yet: the same event of the same run is delivered once per webhook. */
  enqueue(deliveries: readonly DeliveryRow[]): Promise<{ written: number }>;
  delivery(deliveryId: string): Promise<DeliveryRow | undefined>;
  /** Newest first. */
  deliveries(filter: { webhookId: string; limit: number; cursor?: string }): Promise<Page<DeliveryRow>>;
  /**
   * Takes deliveries that are due, oldest first, for one attempt: each gets `attempts + 1` and `nextAt = leaseUntil`, so
   * that two senders never take the same one and a dead sender's is taken again.
   */
  takeDue(now: number, leaseUntil: number, limit: number): Promise<DeliveryRow[]>;
  /** How the attempt ended; changes nothing when another attempt has begun since (`attempts` differs). */
  record(delivery: DeliveryRow): Promise<{ outcome: "written" | "stale" }>;
  /** Makes a delivery due again at `now`, whatever its state; its attempts begin anew at 0. */
  redeliver(deliveryId: string, now: number): Promise<{ outcome: "queued" | "unknown_delivery" }>;
}

/** Everything small the service remembers beside the runs. */
export interface ServiceStore {
  keys: KeyStore;
  idempotency: IdempotencyStore;
  events: EventLog;
  webhooks: WebhookStore;
}
