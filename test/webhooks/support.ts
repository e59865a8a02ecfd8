import { memoryServiceStore } from "../../functions/adapters/memory/service.ts";
import { webhookNotifier } from "../../functions/webhooks/notifier.ts";
import { type Post, webhookSender } from "../../functions/webhooks/sender.ts";
import { randomFrom } from "../../shared/random.ts";
import type { RunRow } from "../../shared/schemas/rows.ts";
import { WebhookEvent, type WebhookRow } from "../../shared/schemas/service.ts";
import { virtualClock } from "../support/virtual-clock.ts";

export const START = Date.UTC(2026, 10, 23, 10);

export function runRow(facts: Partial<RunRow> = {}): RunRow {
  return {
    runId: "run-a",
    name: "demo",
    state: "finished",
    version: 3,
    createdAt: START - 60_000,
    updatedAt: START,
    workedMs: 42_000,
    configKey: "runs/run-a/config.json",
    round: 4,
    rounds: 4,
    ...facts,
  };
}

/** A secret of 32 equal bytes. */
export function secretOf(byte: number): string {
  return `whsec_${Buffer.alloc(32, byte).toString("base64")}`;
}

/** What reached the receiver: when (ms), and what. */
export type Arrived = { at: number; url: string; headers: Record<string, string>; body: string };

/** A store with one webhook, a notifier, and any number of senders to one receiver. */
export async function world(answer: Post) {
  const clock = virtualClock(START);
  const { webhooks: store } = memoryServiceStore();
  const arrived: Arrived[] = [];
  const faults: unknown[] = [];
  const post: Post = (url, request) => {
    arrived.push({ at: clock.now(), url, headers: request.headers, body: request.body });
    return answer(url, request);
  };
  const owners = new Map([["run-a", "key_a"]]);
  const notify = webhookNotifier({ store, clock, ownerOf: async (runId) => owners.get(runId) });
  const create = async (facts: Partial<WebhookRow> = {}) => {
    const webhook: WebhookRow = {
      webhookId: "w0",
      url: "https://example.com/hook",
      events: [...WebhookEvent.options],
      secret: secretOf(1),
      owner: "key_a",
      createdAt: START,
      ...facts,
    };
    await store.create(webhook);
    return webhook;
  };
  const webhook = await create();
  /** Starts a sender; what it gives ends it. */
  const startSender = () => {
    const stop = new AbortController();
    const onFault = (error: unknown) => void faults.push(error);
    const work = webhookSender({ store, clock, post, random: randomFrom(1), onFault, signal: stop.signal });
    return async () => {
      stop.abort(new Error("stopped"));
      await work;
    };
  };
  const deliveries = async () => (await store.deliveries({ webhookId: webhook.webhookId, limit: 100 })).items;
  /** Lets long times go by with a sender at work only when something is due: a day of idle looks would take seconds. */
  const letPass = async (ms: number) => {
    const until = clock.now() + ms;
    for (;;) {
      const pending = (await deliveries()).filter(({ state }) => state === "pending");
      const next = Math.min(...pending.map(({ nextAt }) => nextAt));
      if (!(next <= until)) return clock.advance(until - clock.now());
      await clock.advance(Math.max(0, next - clock.now()));
      const stop = startSender();
      await clock.advance(0);
      await stop();
    }
  };
  return { clock, store, arrived, faults, notify, create, webhook, startSender, letPass, deliveries };
}
