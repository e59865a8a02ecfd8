/** What a table does that DynamoDB Local does not do by itself. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { memoryCalls } from "../../../functions/adapters/memory/calls.ts";
import { memoryServiceStore } from "../../../functions/adapters/memory/service.ts";
import { memoryStateStore } from "../../../functions/adapters/memory/state-store.ts";
import type { Clock } from "../../../shared/ports/clock.ts";
import { type Asked, between, isWrite, lostReply, refusal } from "../../support/dynamo-faults.ts";
import { type LocalDynamo, noDynamo, openLocalDynamo } from "../../support/dynamo-local.ts";
import { type AllStores, storyOf } from "../../support/store-story.ts";

const inMemory = (): AllStores => ({ ...memoryStateStore(), service: memoryServiceStore(), calls: memoryCalls() });

/** A clock that stands still and notes how long it was asked to sleep. */
function notingClock(): Clock & { slept: number[] } {
  const slept: number[] = [];
  return {
    slept,
    now: () => 1000,
    async sleep(ms) {
      slept.push(ms);
    },
  };
}

async function within(work: (local: LocalDynamo, slept: number[]) => Promise<void>): Promise<void> {
  const clock = notingClock();
  const local = await openLocalDynamo({ clock, random: () => 0.5 });
  try {
    await work(local, clock.slept);
  } finally {
    await local.store.close();
  }
}

describe("over DynamoDB Local with faults", { skip: noDynamo }, () => {
  test("answers as the memory store does when the reply of every write is lost after its commit", () =>
    within(async ({ store, client }, slept) => {
      const lost = new Set<string>();
      between(client, async (asked, send) => {
        const output = await send();
        const name = JSON.stringify(asked.input);
        if (!isWrite(asked) || lost.has(name)) return output;
        lost.add(name);
        throw lostReply();
      });
      assert.deepEqual(await storyOf(store), await storyOf(inMemory()));
      assert.ok(slept.length >= lost.size && lost.size > 30, `${lost.size} replies lost`);
    }));

  test("answers as the memory store does when every request is refused three times because of its rate", () =>
    within(async ({ store, client }, slept) => {
      const names = ["ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"];
      const refused = new Map<string, number>();
      between(client, async ({ input }, send) => {
        const often = refused.get(JSON.stringify(input)) ?? 0;
        refused.set(JSON.stringify(input), often + 1);
        const name = names[often];
        if (name !== undefined) throw refusal(name);
        return send();
      });
      assert.deepEqual(await storyOf(store), await storyOf(inMemory()));
      assert.deepEqual([...new Set(slept)], [10, 20, 40]);
    }));

  test("answers as the memory store does when transactions conflict, and asks again under a new name", () =>
    within(async ({ store, client }) => {
      const tokens: unknown[] = [];
      between(client, async ({ commandName, input }, send) => {
        if (commandName !== "TransactWriteItemsCommand") return send();
        tokens.push(input["ClientRequestToken"]);
        if (tokens.length % 2 === 0) return send();
        const CancellationReasons = [{ Code: "None" }, { Code: "TransactionConflict" }];
        throw refusal("TransactionCanceledException", { CancellationReasons });
      });
      assert.deepEqual(await storyOf(store), await storyOf(inMemory()));
      assert.equal(new Set(tokens).size, tokens.length);
    }));

  test("keeps the name of a transaction whose ending nobody knows", () =>
    within(async ({ store, client }) => {
      const tokens: unknown[] = [];
      await store.ledger.open("r", 10);
      between(client, async ({ commandName, input }, send) => {
        if (commandName !== "TransactWriteItemsCommand") return send();
        tokens.push(input["ClientRequestToken"]);
        if (tokens.length === 1) throw refusal("InternalServerError", { $metadata: { httpStatusCode: 500 } });
        return send();
      });
      await store.ledger.reserve({ id: "a", amounts: [{ account: "r", amount: 1 }], leaseUntil: 1 });
      assert.deepEqual([tokens.length, new Set(tokens).size], [2, 1]);
    }));

  test("gives up after twelve refusals, says what to do, and goes on when it may", () =>
    within(async ({ store, client, table }, slept) => {
      let busy = true;
      between(client, async (_, send) => {
        if (busy) throw refusal("ThrottlingException");
        return send();
      });
      const message = `GetItem in table ${table}: DynamoDB refused 12 times, last with ThrottlingException: ThrottlingException, said the test; let fewer workers write at once, raise the table's limits, or repeat it later: it is safe to repeat`;
      await assert.rejects(store.runs.get("r"), { message });
      assert.deepEqual(slept, [10, 20, 40, 80, 160, 320, 640, 1280, 2500, 2500, 2500]);
      busy = false;
      assert.equal(await store.runs.get("r"), undefined);
    }));

  test("does not repeat what is refused for good", () =>
    within(async ({ store, client }, slept) => {
      between(client, async () => {
        throw refusal("AccessDeniedException");
      });
      await assert.rejects(store.runs.get("r"), { name: "AccessDeniedException" });
      assert.deepEqual(slept, []);
    }));

  test("writes and reads every item of a batch of which each request does a part", () =>
    within(async ({ store, client, table }) => {
      let requests = 0;
      between(client, async ({ commandName, input }, send) => {
        const asked = (input["RequestItems"] as Record<string, unknown>)?.[table];
        if (!commandName.startsWith("Batch")) return send();
        if (requests++ % 5 === 0) return nothingDone(commandName, { [table]: asked });
        return inPart(commandName, { table, asked }, send);
      });
      const reply = "große Antwort 🙂 ".repeat(100_000);
      await store.replies.putMany([{ key: "big", reply }]);
      assert.equal((await store.replies.getMany(["big"])).get("big"), reply);
      assert.ok(requests > 8, `${requests} requests`);
    }));

  test("names no attribute bare, so none can be a reserved word", () =>
    within(async ({ store, client }) => {
      const bare = new Set<string>();
      between(client, async (asked, send) => {
        for (const text of expressionsOf(asked)) for (const word of bareWords(text)) bare.add(word);
        return send();
      });
      await storyOf(store);
      assert.deepEqual(
        [...bare].filter((word) => !KNOWN_WORDS.has(word)),
        [],
      );
      assert.ok(bare.has("attribute_not_exists") && bare.has("SET"), "it has seen expressions");
    }));
});

const KNOWN_WORDS = new Set(
  "SET REMOVE ADD AND OR BETWEEN attribute_exists attribute_not_exists begins_with contains".split(" "),
);

function expressionsOf({ input }: Asked): string[] {
  const own = Object.entries(input).flatMap(([name, value]) => (name.endsWith("Expression") ? [String(value)] : []));
  const changes = (input["TransactItems"] ?? []) as Record<string, Record<string, unknown>>[];
  const inner = changes.flatMap((change) =>
    Object.values(change).flatMap((one) => expressionsOf({ commandName: "", input: one })),
  );
  return [...own, ...inner];
}

const bareWords = (text: string): string[] => text.match(/(?<![#:\w])[A-Za-z_]\w*/g) ?? [];

type Batch = { table: string; asked: unknown };

const leftOf = (commandName: string): string =>
  commandName === "BatchGetItemCommand" ? "UnprocessedKeys" : "UnprocessedItems";

function nothingDone(commandName: string, left: object): object {
  return { [leftOf(commandName)]: left };
}

/** The server did all of it, and says that the last part was left: what comes twice is the same. */
async function inPart(commandName: string, { table, asked }: Batch, send: () => Promise<object>): Promise<object> {
  const output = (await send()) as { Responses?: Record<string, unknown[]> };
  const all = commandName === "BatchGetItemCommand" ? (asked as { Keys: unknown[] }).Keys : (asked as unknown[]);
  if (all.length < 2) return output;
  const late = all.slice(Math.ceil(all.length / 2));
  if (commandName !== "BatchGetItemCommand") return { ...output, UnprocessedItems: { [table]: late } };
  return { ...output, UnprocessedKeys: { [table]: { Keys: late } } };
}
