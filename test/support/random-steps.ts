/** Random calls of every store, on few names so that they meet: each names itself, for the message when answers differ. */

import type { Random } from "../../shared/random.ts";
import type { CallRow } from "../../shared/schemas/calls.ts";
import type { RunRow, SampleRow, SampleState, ShardRow } from "../../shared/schemas/rows.ts";
import type { ApiKeyRow, DeliveryRow, WebhookRow } from "../../shared/schemas/service.ts";
import type { AllStores } from "./store-story.ts";

export type Step = { told: string; take: (stores: AllStores) => Promise<unknown> };

type Pick = <T>(...some: readonly T[]) => T;
type Make = (pick: Pick, below: (count: number) => number) => Step;

const PASSES = ["1.train", "0.evaluate"] as const;
const IDS = ["smp_a", "smp_b", "smp_ä", "smp_🙂", "smp_\ufb01", "z#9", "z%239"] as const;
const STATES: readonly SampleState[] = ["submitted", "generated", "divided", "parked"];
const RUNS = ["run-a", "run#b"] as const;
const ACCOUNTS = ["day/1/k", "day/2/k", "day/3/k", "run/a"] as const;
const KEY = { hash: "0".repeat(64), name: "key", scopes: ["chat" as const] };
const LIMITS = { requestsPerMinute: 1, concurrentRequests: 1, tokensPerDay: 0, usdPerDay: 0 };

/** `name` with its arguments as the message shows them. */
function step(told: [name: string, ...facts: unknown[]], take: Step["take"]): Step {
  return { told: told.map((part) => (typeof part === "string" ? part : JSON.stringify(part))).join(" "), take };
}

function sampleOf(pick: Pick, below: (count: number) => number): SampleRow {
  const pointer = { key: pick("k1", "k2"), offset: below(9), length: 1 + below(9) };
  const sample = { runId: pick(...RUNS), passId: pick(...PASSES), sampleId: pick(...IDS), shardId: pick("s0", "s1") };
  return { ...sample, state: "submitted", attempt: 0, pointer };
}

const stateSteps: readonly Make[] = [
  (pick, below) => {
    const run = {
      runId: pick("a", "b", "c"),
      name: pick("x", "y"),
      state: "running",
      version: below(3),
      createdAt: below(3),
    } as const;
    const row: RunRow = { ...run, updatedAt: 1, workedMs: 0, configKey: "k", round: below(4), rounds: 4 };
    return pick(
      step(["runs.create", row], ({ runs }) => runs.create(row)),
      step(["runs.update", row], ({ runs }) => runs.update({ ...row, createdAt: 1 })),
      step(["runs.get", row.runId], ({ runs }) => runs.get(row.runId)),
    );
  },
  (pick) => {
    const limit = pick(1, 2, 5);
    return step(["runs.list all by", limit], (stores) => allPages((cursor) => stores.runs.list({ limit, ...cursor })));
  },
  (pick, below) => {
    const rows = Array.from({ length: 1 + below(5) }, () => sampleOf(pick, below));
    return step(["samples.createMany", rows], ({ samples }) => samples.createMany(rows));
  },
  (pick, below) => {
    const { runId, passId } = sampleOf(pick, below);
    const moves = Array.from({ length: 1 + below(6) }, () => {
      const to = pick(...STATES);
      const reason = pick({}, { reason: "why" });
      const move = { sampleId: pick(...IDS), from: pick(...STATES), attempt: pick(0, 0, 1), to };
      return { ...move, ...reason, ...pick({}, { pointer: { key: "m", offset: below(9), length: 1 } }) };
    });
    return step(["samples.move", runId, passId, moves], ({ samples }) => samples.move(runId, passId, moves));
  },
  (pick, below) => {
    const { runId, passId } = sampleOf(pick, below);
    const filter = {
      runId,
      passId,
      limit: pick(1, 3, 100),
      ...pick({}, { state: pick(...STATES) }),
      ...pick({}, { shardId: "s0" }),
    };
    return step(["samples.query all by", filter], ({ samples }) =>
      allPages((cursor) => samples.query({ ...filter, ...cursor })),
    );
  },
  (pick, below) => {
    const { runId, passId, sampleId } = sampleOf(pick, below);
    return pick(
      step(["samples.count", runId, passId], ({ samples }) => samples.count(runId, passId)),
      step(["samples.get", runId, passId, sampleId], ({ samples }) => samples.get(runId, passId, sampleId)),
    );
  },
  (pick, below) => {
    const shard = {
      runId: pick(...RUNS),
      passId: pick(...PASSES),
      stage: pick("score", "divide"),
      shardId: pick("0", "1"),
    } as const;
    const row: ShardRow = {
      ...{
        ...shard,
        state: pick("planned", "running", "done", "failed"),
        attempt: below(3),
        samples: below(9),
        parked: 0,
      },
      ...{ requests: below(9), cachedReplies: 0, usdMicros: 0, seconds: 0.5, losses: {} },
    };
    const filter = { runId: shard.runId, ...pick({}, { stage: shard.stage }, { passId: shard.passId }) };
    return pick(
      step(["shards.createMany", row], ({ shards }) => shards.createMany([row, { ...row, state: "done" }])),
      step(["shards.put", row], ({ shards }) => shards.put(row)),
      step(["shards.reopen", shard], ({ shards }) => shards.reopen([shard])),
      step(["shards.list", filter], ({ shards }) => shards.list(filter)),
    );
  },
  (pick, below) => {
    const entries = Array.from({ length: 1 + below(3) }, () => ({
      key: pick("a", "b", "c"),
      reply: pick("", "x", "y"),
    }));
    return pick(
      step(["replies.putMany", entries], ({ replies }) => replies.putMany(entries)),
      step(["replies.getMany"], async ({ replies }) => [...(await replies.getMany(["c", "a", "a", "d"]))].toSorted()),
    );
  },
  (pick, below) => {
    const runId = pick("run-a", "run-b");
    const call: CallRow = {
      ...{ call: `${runId}/w#${below(3)}`, runId, work: { kind: "train", passId: "1.train", round: 1, attempt: 0 } },
      ...{
        state: pick("reserved", "running", "done"),
        version: below(2),
        token: "t",
        jobKey: "j",
        resultKey: "r",
        deadlineSeconds: 600,
        microsPerSecond: 1,
      },
      ...{ createdAt: 1, seenAt: below(9), gpuSeconds: 0.25 },
    };
    const filter = { limit: pick(1, 5), ...pick({}, { runId }) };
    return pick(
      step(["calls.create", call], ({ calls }) => calls.create(call)),
      step(["calls.update", call], ({ calls }) => calls.update(call)),
      step(["calls.open all by", filter], ({ calls }) => allPages((cursor) => calls.open({ ...filter, ...cursor }))),
    );
  },
];

const opening: Make = (pick, below) => {
  const [account, budget] = [pick(...ACCOUNTS), pick(0, 50, 100, Number.MAX_SAFE_INTEGER - below(9))];
  return pick(
    step(["ledger.open", account, budget], ({ ledger }) => ledger.open(account, budget)),
    step(["ledger.read", account], ({ ledger }) => ledger.read(account)),
  );
};

/** A reservation's number names its accounts, so that what is spent mostly belongs to it. */
const holding: Make = (pick, below) => {
  const number = below(4);
  const id = `${pick("r/1/", "r/2/")}${number}`;
  const taken = ACCOUNTS.slice(number % 2, 2 + (number % 3));
  const amounts = taken.map((account) => ({ account, amount: below(40) }));
  const reservation = { id, amounts, leaseUntil: below(100), ...pick({}, { atRisk: amounts.slice(0, 1) }) };
  const spent = amounts.slice(0, 1 + below(2)).map(({ account }) => ({ account, amount: below(50) }));
  const named = below(9) === 0 ? [{ account: "run/a", amount: 1 }] : spent;
  const lease = pick(undefined, below(120));
  return pick(
    step(["ledger.reserve", reservation], ({ ledger }) => ledger.reserve(reservation)),
    step(["ledger.reserve", reservation], ({ ledger }) => ledger.reserve(reservation)),
    step(["ledger.charge", id, named, lease], ({ ledger }) => ledger.charge(id, named, lease)),
    step(["ledger.settle", id, named], ({ ledger }) => ledger.settle(id, named)),
    step(["ledger.release", id], ({ ledger }) => ledger.release(id)),
  );
};

const housekeeping: Make = (pick, below) => {
  const [now, prefix, before] = [below(60), pick("", "r/1/", "r/2/3"), pick("day/2", "day/3", "day/9")];
  return pick(
    step(["ledger.expire", now, prefix], ({ ledger }) => ledger.expire(now, prefix)),
    step(["ledger.held", prefix], ({ ledger }) => ledger.held(prefix)),
    step(["ledger.held", prefix], ({ ledger }) => ledger.held(prefix)),
    step(["ledger.prune", before], ({ ledger }) => ledger.prune("day/", before)),
  );
};

const moneySteps: readonly Make[] = [opening, opening, opening, holding, holding, holding, holding, housekeeping];

const serviceSteps: readonly Make[] = [
  (pick, below) => {
    const key: ApiKeyRow = { keyId: `${below(3)}`.padStart(12, "0"), ...KEY, limits: LIMITS, createdAt: below(3) };
    return pick(
      step(["keys.create", key], ({ service }) => service.keys.create(key)),
      step(["keys.revoke", key.keyId], ({ service }) => service.keys.revoke(key.keyId, key.createdAt)),
      step(["keys.list"], ({ service }) => allPages((cursor) => service.keys.list({ limit: 2, ...cursor }))),
    );
  },
  (pick, below) => {
    const row = {
      key: pick("k", "l"),
      bodyHash: pick("h", "i"),
      state: "in_progress",
      leaseUntil: below(30),
      expiresAt: below(60),
    } as const;
    const now = below(60);
    const answer = { status: 200, headers: { a: "b" }, body: pick("", "{}") };
    return pick(
      step(["idempotency.begin", row, now], ({ service }) => service.idempotency.begin(row, now)),
      step(["idempotency.finish", row], ({ service }) => service.idempotency.finish(row.key, row.bodyHash, answer)),
      step(["idempotency.forget", row.key], ({ service }) => service.idempotency.forget(row.key)),
      step(["idempotency.sweep", now], ({ service }) => service.idempotency.sweep(now)),
    );
  },
  (pick, below) => {
    const events = Array.from({ length: below(4) }, (_, at) => ({ at, event: { kind: pick("run", "shard") } }));
    const [runId, page] = [pick("a", "b"), { after: below(9), limit: 1 + below(5) }];
    return pick(
      step(["events.append", runId, events], ({ service }) => service.events.append(runId, events)),
      step(["events.read", runId, page], ({ service }) => service.events.read(runId, page)),
    );
  },
  (pick, below) => {
    const hook = {
      webhookId: `w${below(3)}`,
      url: "https://example.com/",
      events: ["run.failed" as const],
      secret: "s",
    };
    const webhook: WebhookRow = { ...hook, owner: pick("key_a", "key_b"), createdAt: below(3) };
    const filter = { limit: 2, ...pick({}, { owner: "key_a" }) };
    return pick(
      step(["webhooks.create", webhook], ({ service }) => service.webhooks.create(webhook)),
      step(["webhooks.delete", webhook.webhookId], ({ service }) => service.webhooks.delete(webhook.webhookId)),
      step(["webhooks.list", filter], ({ service }) =>
        allPages((cursor) => service.webhooks.list({ ...filter, ...cursor })),
      ),
    );
  },
  (pick, below) => {
    const deliveryId = `d${below(5)}`;
    // The list of deliveries is by webhook and time of creation, which belong to the delivery for good.
    const fixed = {
      deliveryId,
      webhookId: `w${deliveryId === "d0" ? 0 : 1}`,
      event: "run.failed",
      runId: "r",
      body: "{}",
    } as const;
    const state = pick("pending", "delivered", "given_up");
    const row: DeliveryRow = {
      ...fixed,
      state,
      attempts: below(3),
      nextAt: below(60),
      createdAt: 1,
      ...pick({}, { lastStatus: 500 }),
    };
    const [now, limit] = [below(60), pick(1, 3)];
    return pick(
      step(["enqueue", row], ({ service }) => service.webhooks.enqueue([row])),
      step(["takeDue", now, limit], ({ service }) => service.webhooks.takeDue(now, now + 10, limit)),
      step(["record", row], ({ service }) => service.webhooks.record(row)),
      step(["redeliver", deliveryId, now], ({ service }) => service.webhooks.redeliver(deliveryId, now)),
      step(["deliveries"], ({ service }) =>
        allPages((cursor) => service.webhooks.deliveries({ webhookId: "w1", limit: 2, ...cursor })),
      ),
    );
  },
];

/** `count` steps, the same for the same random numbers. */
export function randomSteps(count: number, random: Random): Step[] {
  const below = (most: number): number => Math.floor(random() * most);
  const pick: Pick = (...some) => some[below(some.length)] as (typeof some)[number];
  const kinds = [...stateSteps, ...moneySteps, ...serviceSteps];
  return Array.from({ length: count }, () => pick(...kinds)(pick, below));
}

async function allPages<T>(
  page: (cursor: { cursor?: string }) => Promise<{ items: T[]; cursor?: string }>,
): Promise<T[][]> {
  const pages: T[][] = [];
  for (let at: { cursor?: string } = {}; ; ) {
    const { items, cursor } = await page(at);
    pages.push(items);
    if (cursor === undefined) return pages;
    at = { cursor };
  }
}
