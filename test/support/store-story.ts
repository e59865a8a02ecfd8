/** One of everything that a store does, with what each call answered: the same story over any adapter. */
import type { CallStore } from "../../shared/ports/calls.ts";
import type { ServiceStore } from "../../shared/ports/service-store.ts";
import type { StateStore } from "../../shared/ports/state-store.ts";
import type { CallRow } from "../../shared/schemas/calls.ts";
import type { RunRow, SampleRow, ShardRow } from "../../shared/schemas/rows.ts";
import type { ApiKeyRow, DeliveryRow, WebhookRow } from "../../shared/schemas/service.ts";

export type AllStores = StateStore & { service: ServiceStore; calls: CallStore };
type Steps = Record<string, (stores: AllStores) => Promise<unknown>>;

const PASS = { runId: "run-a", passId: "1.train" };
const amounts = [
  { account: "x", amount: 10 },
  { account: "y", amount: 5 },
];
const told = (at: number) => ({ at, event: { kind: "run", text: `${at}` } });

const RUN: RunRow = {
  ...{ runId: "run-a", name: "name", state: "running", version: 0, createdAt: 1, updatedAt: 1, workedMs: 0 },
  ...{ configKey: "runs/run-a/config.json", round: 0, rounds: 4 },
};
const samples = ["a", "b", "c"].map(
  (sampleId): SampleRow => ({
    ...{ ...PASS, sampleId, shardId: "s", state: "submitted", attempt: 0 },
    pointer: { key: "k", offset: 0, length: 1 },
  }),
);
const shard: ShardRow = {
  ...{ ...PASS, stage: "score", shardId: "s", state: "planned", attempt: 0, samples: 3, parked: 0, requests: 0 },
  ...{ cachedReplies: 0, usdMicros: 0, seconds: 0, losses: {} },
};
const call: CallRow = {
  ...{
    call: "run-a/w#0",
    runId: "run-a",
    work: { kind: "train", passId: "1.train", round: 1, attempt: 0 },
    state: "reserved",
  },
  ...{
    version: 0,
    token: "t",
    jobKey: "j",
    resultKey: "r",
    deadlineSeconds: 600,
    microsPerSecond: 1,
    createdAt: 1,
    seenAt: 1,
    gpuSeconds: 0,
  },
};
const key: ApiKeyRow = {
  ...{ keyId: "0123456789ab", hash: "0".repeat(64), name: "key", scopes: ["chat"], createdAt: 1 },
  limits: { requestsPerMinute: 1, concurrentRequests: 1, tokensPerDay: 0, usdPerDay: 0 },
};
const request = { key: "k", bodyHash: "h", state: "in_progress", leaseUntil: 10, expiresAt: 20 } as const;
const answer = { status: 201, headers: {}, body: "{}" };
const webhook: WebhookRow = {
  ...{ webhookId: "w", url: "https://example.com/", events: ["run.failed"], secret: "s", owner: "key_a", createdAt: 1 },
};
const delivery: DeliveryRow = {
  ...{ deliveryId: "d", webhookId: "w", event: "run.failed", runId: "run-a", body: "{}", state: "pending" },
  ...{ attempts: 0, nextAt: 1, createdAt: 1 },
};

const move = (sampleId: string, to: "generated" | "parked") =>
  ({ sampleId, from: "submitted", attempt: 0, to }) as const;

const STEPS: Steps = {
  "a run is created": ({ runs }) => runs.create(RUN),
  "a run is updated": ({ runs }) => runs.update({ ...RUN, round: 1 }),
  "a run is read": ({ runs }) => runs.list({ limit: 5 }),
  "samples are created": ({ samples: rows }) => rows.createMany(samples),
  "samples are moved": (stores) =>
    stores.samples.move("run-a", "1.train", [move("a", "generated"), move("b", "parked"), move("nobody", "parked")]),
  "samples are counted": (stores) => stores.samples.count("run-a", "1.train"),
  "samples are read": (stores) => stores.samples.query({ ...PASS, shardId: "s", limit: 9 }),
  "parked samples are read": (stores) => stores.samples.query({ ...PASS, state: "parked", limit: 9 }),
  "shards are created": ({ shards }) => shards.createMany([shard]),
  "a shard is put": ({ shards }) => shards.put({ ...shard, state: "done" }),
  "a shard is opened again": ({ shards }) => shards.reopen([shard]),
  "shards are read": ({ shards }) => shards.list({ runId: "run-a" }),
  "an account is opened": ({ ledger }) => ledger.open("x", 100),
  "another account is opened": ({ ledger }) => ledger.open("y", 10),
  "a budget is raised": ({ ledger }) => ledger.open("y", 12),
  "money is reserved": ({ ledger }) => ledger.reserve({ id: "r/1", amounts, leaseUntil: 100, atRisk: amounts }),
  "more money is reserved": ({ ledger }) => ledger.reserve({ id: "r/2", amounts, leaseUntil: 100 }),
  "too much is reserved": ({ ledger }) => ledger.reserve({ id: "r/3", amounts, leaseUntil: 100 }),
  "money is charged": ({ ledger }) => ledger.charge("r/1", [{ account: "x", amount: 4 }], 200),
  "a lease is prolonged": ({ ledger }) => ledger.charge("r/1", [], 300),
  "reservations are listed": ({ ledger }) => ledger.held("r/"),
  "money is settled": ({ ledger }) => ledger.settle("r/2", [{ account: "y", amount: 3 }]),
  "a lease ends": ({ ledger }) => ledger.expire(300),
  "accounts are read": ({ ledger }) => Promise.all(["x", "y"].map((account) => ledger.read(account))),
  "accounts are pruned": ({ ledger }) => ledger.prune("y", "z"),
  "a reply is stored": ({ replies }) => replies.putMany([{ key: "k", reply: "v" }]),
  "a long reply is stored": ({ replies }) => replies.putMany([{ key: "long", reply: "long 🙂 ".repeat(60_000) }]),
  "replies are read": async ({ replies }) => [...(await replies.getMany(["k", "long"]))],
  "a call is created": ({ calls }) => calls.create(call),
  "a call goes on": ({ calls }) => calls.update({ ...call, state: "running" }),
  "calls are listed": ({ calls }) => calls.open({ limit: 5 }),
  "a call ends": ({ calls }) => calls.update({ ...call, state: "done", version: 1 }),
  "a key is made": ({ service }) => service.keys.create(key),
  "a key is revoked": ({ service }) => service.keys.revoke(key.keyId, 5),
  "keys are listed": ({ service }) => service.keys.list({ limit: 5 }),
  "a request is begun": ({ service }) => service.idempotency.begin(request, 0),
  "a request is answered": ({ service }) => service.idempotency.finish("k", "h", answer),
  "a request comes again": ({ service }) => service.idempotency.begin(request, 5),
  "a request expires": ({ service }) => service.idempotency.sweep(20),
  "an event is told": ({ service }) => service.events.append("run-a", [told(1)]),
  "more events are told": ({ service }) => service.events.append("run-a", [told(2), told(3)]),
  "events are read": ({ service }) => service.events.read("run-a", { after: 0, limit: 9 }),
  "a webhook is made": ({ service }) => service.webhooks.create(webhook),
  "webhooks are listed": ({ service }) => service.webhooks.list({ owner: "key_a", limit: 5 }),
  "a delivery is queued": ({ service }) => service.webhooks.enqueue([delivery]),
  "a delivery is taken": ({ service }) => service.webhooks.takeDue(1, 50, 5),
  "a delivery fails": ({ service }) =>
    service.webhooks.record({ ...delivery, attempts: 1, nextAt: 60, lastStatus: 500 }),
  "a delivery is made due": ({ service }) => service.webhooks.redeliver("d", 70),
  "deliveries are read": ({ service }) => service.webhooks.deliveries({ webhookId: "w", limit: 5 }),
};

/** What each step answered, by its name. @param before called with the name of the step that comes */
export async function storyOf(
  stores: AllStores,
  before: (step: string) => void = () => {},
): Promise<Record<string, unknown>> {
  const answers: Record<string, unknown> = {};
  for (const [step, take] of Object.entries(STEPS)) {
    before(step);
    answers[step] = await take(stores);
  }
  return answers;
}
