/** Sends deliveries when they are due, until each has arrived or been given up. */
import type { Clock } from "../../shared/ports/clock.ts";
import type { WebhookStore } from "../../shared/ports/service-store.ts";
import type { Random } from "../../shared/random.ts";
import type { DeliveryRow, WebhookRow } from "../../shared/schemas/service.ts";
import { signedHeaders } from "./signature.ts";

/**
 * Calls an address that a stranger named: it must refuse what is not on the public internet, follow no redirect and read
 * no more than 64 KB of the reply. Gives the status whatever it is; rejects when none came.
 */
export type Post = (
  url: string,
  request: { headers: Record<string, string>; body: string; signal: AbortSignal },
) => Promise<{ status: number }>;

export type SenderDeps = {
  store: Pick<WebhookStore, "get" | "takeDue" | "record">;
  clock: Clock;
  post: Post;
  /** For the jitter. */
  random: Random;
  /** Told when the store failed; the sender goes on. */
  onFault: (error: unknown) => void;
  signal: AbortSignal;
};

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** Our choice: 8 attempts over about a day, growing as the schedule that Standard Webhooks recommends. */
const DELAYS_MS = [5 * SECOND, MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 6 * HOUR, 15 * HOUR];
const JITTER = 0.2; // our choice: up to a fifth longer, so that deliveries that failed together do not come back together
const ATTEMPT_MS = 10 * SECOND; // our choice
const LEASE_MS = 30 * SECOND; // our choice: an attempt, and time to record it
const LOOK_EVERY_MS = SECOND; // our choice
const PLACES = 16; // our choice: attempts at the same time
const GONE = 410; // Standard Webhooks: the receiver wants no more of this

/**
 * Works until `signal` is aborted. Any number may work on one store: each due delivery is attempted by one of them. What
 * an aborted or killed sender leaves unrecorded is attempted again when its lease is over, so receivers may get a message
 * twice, with the same `webhook-id`.
 */
export async function webhookSender(deps: SenderDeps): Promise<void> {
  const { store, clock, signal, onFault } = deps;
  const underWay = new Set<Promise<void>>();

  function begin(delivery: DeliveryRow): void {
    const work = attempt(delivery, deps)
      .catch(onFault)
      .finally(() => underWay.delete(work));
    underWay.add(work);
  }

  async function takeDue(): Promise<DeliveryRow[]> {
    const now = clock.now();
    return store.takeDue(now, now + LEASE_MS, PLACES - underWay.size).catch((error: unknown) => {
      onFault(error);
      return [];
    });
  }

  while (!signal.aborted) {
    if (underWay.size === PLACES) await Promise.race(underWay);
    const due = await takeDue();
    for (const delivery of due) begin(delivery);
    if (due.length === 0) await clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
  }
  await Promise.all(underWay);
}

async function attempt(delivery: DeliveryRow, { store, clock, post, random, signal }: SenderDeps): Promise<void> {
  const webhook = await store.get(delivery.webhookId);
  if (webhook === undefined) {
    const given = { ...withoutLast(delivery), state: "given_up", lastError: "the webhook was deleted" } as const;
    await store.record(given);
    return;
  }
  if (signal.aborted) return;
  const answer = await inTime(clock, signal, async (limit) =>
    post(webhook.url, { ...signed(delivery, webhook, clock), signal: limit }),
  );
  if (signal.aborted && "error" in answer) return; // it was cut by us: the next sender tries again
  await store.record({ ...withoutLast(delivery), ...judged(answer, delivery.attempts, { now: clock.now(), random }) });
}

function signed({ deliveryId, body }: DeliveryRow, { secret }: WebhookRow, clock: Clock) {
  const headers = {
    ...signedHeaders({ id: deliveryId, body, now: clock.now() }, secret),
    "content-type": "application/json",
    "user-agent": "rlaifv-webhooks",
  };
  return { headers, body };
}

type Answer = { status: number } | { error: string };

/** Gives `work` its time and no more, also when it does not heed its signal. Never rejects. */
async function inTime(
  clock: Clock,
  stop: AbortSignal,
  work: (limit: AbortSignal) => Promise<{ status: number }>,
): Promise<Answer> {
  const ended = new AbortController();
  const late = new AbortController();
  const limit = AbortSignal.any([late.signal, stop]);
  const cut = new Promise<never>((_, reject) => limit.addEventListener("abort", () => reject(limit.reason)));
  clock.sleep(ATTEMPT_MS, ended.signal).then(
    () => late.abort(new Error(`no answer in ${ATTEMPT_MS / SECOND} s`)),
    () => undefined, // it ended in time
  );
  try {
    const { status } = await Promise.race([work(limit), cut]);
    return { status };
  } catch (error) {
    return { error: (error instanceof Error ? error.message : String(error)).slice(0, 200) };
  } finally {
    ended.abort();
  }
}

type Judged = Pick<DeliveryRow, "state" | "nextAt" | "lastStatus" | "lastError">;

function judged(answer: Answer, attempts: number, { now, random }: { now: number; random: Random }): Judged {
  const last = "error" in answer ? { lastError: answer.error } : { lastStatus: answer.status };
  const status = "error" in answer ? 0 : answer.status;
  if (status >= 200 && status < 300) return { state: "delivered", nextAt: now, ...last };
  const delay = DELAYS_MS[attempts - 1];
  if (delay === undefined || status === GONE) return { state: "given_up", nextAt: now, ...last };
  return { state: "pending", nextAt: now + Math.round(delay * (1 + JITTER * random())), ...last };
}

function withoutLast({ lastStatus: _status, lastError: _error, ...delivery }: DeliveryRow): DeliveryRow {
  return delivery;
}
