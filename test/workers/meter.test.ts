import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryStateStore } from "../../functions/adapters/memory/state-store.ts";
import { type ShardMeter, shardMeter } from "../../functions/workers/meter.ts";
import { runAccount } from "../../shared/budget/accounts.ts";
import { imageTokenBound, requestBound } from "../../shared/budget/bound.ts";
import { costMicros, NO_USAGE } from "../../shared/budget/cost.ts";
import { Drain, NOT_ASKED } from "../../shared/drain.ts";
import type { ChatReply, ChatRequest, Usage } from "../../shared/schemas/chat.ts";
import { ModelRef } from "../../shared/schemas/config.ts";
import { virtualClock } from "../support/virtual-clock.ts";

const PAID = ModelRef.parse({
  engine: "openai",
  model: "vlm",
  baseUrl: "http://server.invalid/v1",
  price: { input: 1, output: 2 },
  maxConcurrency: 2,
});
const OWN = ModelRef.parse({ engine: "embedded", model: "vlm" });
const SIZE = { width: 96, height: 96 };

const asked = (custom_id: string): ChatRequest => ({
  custom_id,
  target: "policy/0",
  body: { messages: [{ role: "user", content: "What is there?" }], max_tokens: 100 },
});
const BOUND = costMicros(PAID, { usage: requestBound(asked("a").body, () => SIZE), seconds: 0 });

function replied(custom_id: string, tokens: number | undefined): ChatReply {
  const usage: Usage | undefined =
    tokens === undefined ? undefined : { prompt_tokens: tokens, completion_tokens: 0, total_tokens: tokens };
  const completion = { id: "1", object: "chat.completion" as const, created: 0, model: "vlm", choices: [], usage };
  return { outcome: "completed", custom_id, completion };
}

async function world(budget: number, ref = PAID) {
  const store = memoryStateStore();
  const clock = virtualClock();
  await store.ledger.open(runAccount("r"), budget);
  const stop = new AbortController();
  const { signal } = stop;
  const meterOf = (what: string): ShardMeter =>
    shardMeter({ runId: "r", what }, { refs: () => ref, sizeOf: () => SIZE }, { store, clock, signal, emit: () => {} });
  const money = async () => {
    const row = (await store.ledger.read(runAccount("r")))!;
    return [row.reserved, row.settled];
  };
  return { store, clock, meterOf, money, stop };
}

test("reserves the bound of every request, charges what replies tell, and frees the rest at the end", async () => {
  const { meterOf, money } = await world(10 * BOUND);
  const meter = meterOf("s");
  await meter.begin([asked("a"), asked("b")]);
  assert.deepEqual(await money(), [2 * BOUND, 0]);
  meter.count("policy/0", replied("a", 30));
  await meter.flush();
  assert.deepEqual(await money(), [2 * BOUND - 30, 30]);
  meter.count("policy/0", replied("b", 5));
  assert.deepEqual(await meter.end("answered"), { usdMicros: 35, cappedMicros: 0 });
  assert.deepEqual(await meter.end("answered"), { usdMicros: 35, cappedMicros: 0 });
  assert.deepEqual(await money(), [0, 35]);
});

test("a second wave reserves anew, and the shard's cost is the sum", async () => {
  const { meterOf, money } = await world(2 * BOUND);
  const meter = meterOf("s");
  await meter.begin([asked("a"), asked("b")]);
  meter.count("policy/0", replied("a", 30));
  meter.count("policy/0", replied("b", 30));
  await meter.begin([asked("c")]);
  assert.deepEqual(await money(), [BOUND, 60]);
  meter.count("policy/0", replied("c", 7));
  assert.deepEqual(await meter.end("answered"), { usdMicros: 67, cappedMicros: 0 });
});

test("a refused request costs nothing; one without usage, timed out or lost counts as its bound", async () => {
  const { meterOf } = await world(10 * BOUND);
  const meter = meterOf("s");
  await meter.begin(["a", "b", "c", "lost"].map(asked));
  const failed = (custom_id: string, code: string) =>
    meter.count("policy/0", { outcome: "failed", custom_id, failure: { code, message: "later", retryable: true } });
  failed("a", "rate_limited");
  meter.count("policy/0", replied("b", undefined));
  failed("c", "timed_out");
  assert.deepEqual(await meter.end("answered"), { usdMicros: 3 * BOUND, cappedMicros: 0 });
});

test("work that is cut off counts what may be under way; what was answered or failed is not", async () => {
  const { meterOf, money } = await world(10 * BOUND);
  const meter = meterOf("s");
  await meter.begin(["a", "b", "c"].map(asked));
  meter.count("policy/0", replied("a", 30));
  assert.deepEqual(await meter.end("cut"), { usdMicros: 30 + 2 * BOUND, cappedMicros: 0 });
  assert.deepEqual(await money(), [0, 30 + 2 * BOUND]);
});

test("a stopped run counts once what its shards may have under way on the server they share", async () => {
  const { meterOf, money, stop } = await world(300 * BOUND);
  const meters = [meterOf("s1"), meterOf("s2"), meterOf("s3")];
  for (const meter of meters) await meter.begin(Array.from({ length: 100 }, (_, i) => asked(`r${i}`)));
  stop.abort();
  meters[0]!.count("policy/0", replied("r0", 30));
  for (const meter of meters) await meter.end("cut");
  assert.deepEqual(await money(), [0, 30 + (2 + 64) * BOUND]);
});

test("after a drain every shard counts its own requests that got no reply, whichever shard ends first", async () => {
  const { meterOf, money, stop } = await world(300 * BOUND);
  const [first, second] = [meterOf("s1"), meterOf("s2")];
  const cheap = (custom_id: string): ChatRequest => ({
    ...asked(custom_id),
    body: { ...asked("").body, max_tokens: 50 },
  });
  const hung = ["hung1", "hung2"].map(cheap);
  const waiting = Array.from({ length: 100 }, (_, i) => asked(`r${i}`));
  await first.begin([asked("x")]);
  await second.begin([...hung, ...waiting]);
  stop.abort(new Drain("paused"));
  const notAsked = ({ custom_id }: ChatRequest): ChatReply => {
    return { outcome: "failed", custom_id, failure: { code: NOT_ASKED, message: "stopped", retryable: true } };
  };
  first.count("policy/0", notAsked(asked("x")));
  assert.equal((await first.end("cut")).usdMicros, 0, "what was not asked costs nothing");
  for (const request of waiting) second.count("policy/0", notAsked(request));
  await second.end("cut");
  const bound = costMicros(PAID, { usage: requestBound(hung[0]!.body, () => SIZE), seconds: 0 });
  assert.deepEqual(await money(), [0, 2 * bound]);
});

test("if the process dies, charged and at most what may be under way are settled", async () => {
  const { meterOf, money, store } = await world(200 * BOUND);
  const meter = meterOf("s");
  await meter.begin(Array.from({ length: 100 }, (_, i) => asked(`r${i}`)));
  meter.count("policy/0", replied("r0", 30));
  await meter.flush();
  await store.ledger.expire(Number.MAX_SAFE_INTEGER, "run/r/");
  assert.deepEqual(await money(), [0, 30 + (2 + 64) * BOUND]); // two at once, and a group that is not booked yet
  await assert.rejects(meter.flush(), /was closed while its work went on/);
});

test("cost above its bound is told, and booked as far as the budget has room", async () => {
  const { meterOf, money } = await world(BOUND + 50);
  const meter = meterOf("s");
  await meter.begin([asked("a")]);
  meter.count("policy/0", replied("a", BOUND + 40));
  assert.deepEqual(await meter.end("answered"), { usdMicros: BOUND + 40, cappedMicros: 40 });
  assert.deepEqual(await money(), [0, BOUND + 40]);

  const poor = await world(BOUND + 39);
  const other = poor.meterOf("s");
  await other.begin([asked("a")]);
  other.count("policy/0", replied("a", BOUND + 40));
  assert.deepEqual(await other.end("answered"), { usdMicros: BOUND + 40, cappedMicros: 40 });
  assert.deepEqual(await poor.money(), [0, BOUND], "the account stays within its budget");
});

test("waits while other work of the run holds the money, and pauses the run when nobody does", async () => {
  const { meterOf, clock } = await world(BOUND + 30);
  const [first, second] = [meterOf("s1"), meterOf("s2")];
  await first.begin([asked("a")]);
  const waiting = second.begin([asked("b")]);
  await clock.advance(10_000);
  first.count("policy/0", replied("a", 30));
  await first.end("answered");
  await clock.run(waiting);
  second.count("policy/0", replied("b", 10));
  await second.end("answered");
  await assert.rejects(meterOf("s3").begin([asked("c")]), { name: "Run.Paused", message: /short by 0.00001 USD/ });
});

test("embedded work pays for its time and has nothing at risk", async () => {
  const { meterOf, money, store, clock } = await world(100_000, OWN);
  const meter = meterOf("s");
  await meter.begin([asked("a")]);
  await clock.advance(10_000);
  meter.count("policy/0", replied("a", 30));
  await meter.flush();
  const [seconds10, seconds600] = [10, 600].map((seconds) => costMicros(OWN, { usage: NO_USAGE, seconds })) as [
    number,
    number,
  ];
  assert.deepEqual(await money(), [seconds600 - seconds10, seconds10]);
  await store.ledger.expire(Number.MAX_SAFE_INTEGER);
  assert.deepEqual(await money(), [0, seconds10]);
});

test("the bound of an image follows its size: tiles at least, Qwen's squares above, its own cap at most", () => {
  const marks = imageTokenBound({ width: 28, height: 28 }) - 3328;
  assert.equal(imageTokenBound({ width: 1700, height: 1700 }), 61 * 61 + marks);
  assert.equal(imageTokenBound({ width: 20_000, height: 20_000 }), 16_384 + marks);
  assert.equal(imageTokenBound(undefined), 16_384 + marks);
});

test("the bound of a text is its bytes, whatever the script; a request without max_tokens has none", () => {
  const boundOf = (content: string) =>
    requestBound({ messages: [{ role: "user", content }], max_tokens: 1 }, () => SIZE);
  assert.equal(boundOf("狗狗").prompt_tokens - boundOf("").prompt_tokens, 6);
  const [one, ten] = [1, 10].map((n) =>
    requestBound({ messages: [{ role: "user", content: "a" }], max_tokens: 7, n }, () => SIZE),
  );
  assert.equal(ten!.total_tokens, 10 * one!.total_tokens, "some servers are asked once for every choice");
  assert.throws(() => requestBound({ messages: [{ role: "user", content: "a" }] }, () => SIZE), /max_tokens/);
});
