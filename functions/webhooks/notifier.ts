/** Turns what happens to runs into deliveries; the sender does the rest. */
import { contentHash } from "../../shared/ids.ts";
import type { Clock } from "../../shared/ports/clock.ts";
import type { WebhookStore } from "../../shared/ports/service-store.ts";
import type { RunRow } from "../../shared/schemas/rows.ts";
import type { DeliveryRow, WebhookEvent, WebhookRow } from "../../shared/schemas/service.ts";

/** Queues one delivery per webhook that wants the event. Safe to repeat: the same version of a run is told once. */
export type Notify = (event: WebhookEvent, run: RunRow) => Promise<void>;

export type NotifierDeps = {
  store: Pick<WebhookStore, "list" | "enqueue">;
  clock: Pick<Clock, "now">;
  /** The principal whose run it is; `undefined` for a run of nobody, which only webhooks that name it hear of. */
  ownerOf: (runId: string) => Promise<string | undefined>;
};

export function webhookNotifier({ store, clock, ownerOf }: NotifierDeps): Notify {
  return async (event, run) => {
    const owner = await ownerOf(run.runId);
    const now = clock.now();
    for await (const webhooks of allWebhooks(store)) {
      const wanting = webhooks.filter((webhook) => wants(webhook, { event, runId: run.runId, owner }));
      if (wanting.length > 0) await store.enqueue(wanting.map((webhook) => deliveryOf(webhook, event, { run, now })));
    }
  };
}

const PAGE = 100;

/** Those that name the run may be anybody's, so all are looked at: they are few. */
async function* allWebhooks(store: Pick<WebhookStore, "list">): AsyncGenerator<WebhookRow[]> {
  let cursor: string | undefined;
  do {
    const page = await store.list({ limit: PAGE, ...(cursor === undefined ? {} : { cursor }) });
    yield page.items;
    cursor = page.cursor;
  } while (cursor !== undefined);
}

type Told = { event: WebhookEvent; runId: string; owner: string | undefined };

function wants(webhook: WebhookRow, { event, runId, owner }: Told): boolean {
  if (!webhook.events.includes(event)) return false;
  return webhook.runId === undefined ? webhook.owner === owner : webhook.runId === runId;
}

function deliveryOf(
  { webhookId }: WebhookRow,
  event: WebhookEvent,
  { run, now }: { run: RunRow; now: number },
): DeliveryRow {
  const { runId, version } = run;
  return {
    deliveryId: `msg_${contentHash({ webhookId, runId, event, version })}`,
    webhookId,
    event,
    runId,
    body: JSON.stringify({ type: event, timestamp: new Date(run.updatedAt).toISOString(), data: runFacts(run) }),
    state: "pending",
    attempts: 0,
    nextAt: now,
    createdAt: now,
  };
}

/** In the words of `GET /v1/runs/{id}`; whoever needs more asks there. */
function runFacts(run: RunRow) {
  return {
    id: run.runId,
    name: run.name,
    state: run.state,
    reason: run.reason ?? null,
    round: run.round,
    rounds: run.rounds,
    created_at: new Date(run.createdAt).toISOString(),
    updated_at: new Date(run.updatedAt).toISOString(),
    seconds: run.workedMs / 1000,
  };
}
