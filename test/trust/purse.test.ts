import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { usageBound } from "../../functions/trust/bounds.ts";
import { openPurse } from "../../functions/trust/purse.ts";
import { costMicros } from "../../shared/budget/cost.ts";
import type { Engine } from "../../shared/ports/engine.ts";
import type { BatchLine, ChatBody, ChatReply } from "../../shared/schemas/chat.ts";
import { ModelRef } from "../../shared/schemas/config.ts";
import { collected, line } from "../contract/engine.ts";
import { fakeEngine } from "../support/fake-engine.ts";
import { virtualClock } from "../support/virtual-clock.ts";

const PRICED = ModelRef.parse({
  ...{ engine: "openai", model: "m", baseUrl: "http://127.0.0.1:9/v1", maxConcurrency: 2 },
  price: { input: 1, output: 10 },
});
const EMBEDDED = ModelRef.parse({ engine: "embedded", model: "embedded/policy" });
const sizeOf = () => undefined;
const body = (words: number, max_tokens = 10): ChatBody => ({
  ...{ model: "m", max_tokens },
  messages: [{ role: "user", content: "word ".repeat(words) }],
});
const lines = (count: number): BatchLine[] => Array.from({ length: count }, (_, at) => line(`${at}`, body(at)));

/** Uses some share of what it may. */
function spender(share: number): Engine {
  const engine = fakeEngine();
  engine.run = async function* (asked): AsyncGenerator<ChatReply> {
    for (const { custom_id, body: of } of asked) {
      const most = usageBound(PRICED, of, sizeOf);
      const [prompt_tokens, completion_tokens] = [most.prompt_tokens, most.completion_tokens].map((count) =>
        Math.floor(share * count),
      ) as [number, number];
      const usage = { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens };
      const completion = { id: "x", object: "chat.completion" as const, created: 0, model: "m", choices: [], usage };
      yield { outcome: "completed", custom_id, completion };
    }
  };
  return engine;
}

test("whatever is asked, no more is spent than the purse holds", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(20_000),
      fc.nat(50_000),
      fc.nat(30),
      fc.double({ min: 0, max: 1, noNaN: true }),
      async (tokens, micros, count, share) => {
        const limit = { tokens, serverMicros: micros, computeSeconds: 0 };
        const purse = openPurse(limit, { clock: virtualClock(), sizeOf });
        const engine = purse.guard(PRICED, spender(share));
        const replies = [...(await collected(engine, lines(count))), ...(await collected(engine, lines(count)))];
        const { tokens: used, usdMicros } = purse.spent();
        assert.ok(used <= tokens && usdMicros <= micros);
        assert.equal(replies.length, 2 * count, "every line has a reply");
        assert.equal(
          purse.exhausted(),
          replies.some(({ outcome }) => outcome === "failed"),
        );
      },
    ),
    { numRuns: 200 },
  );
});

test("what is under way counts with what has come of it", async () => {
  const asked = body(3);
  const engine = fakeEngine();
  engine.stream = async function* () {
    for (;;) yield { kind: "text", choice: 0, text: "ab" };
  };
  const most = usageBound(PRICED, asked, sizeOf);
  const purse = openPurse(
    { tokens: 10_000, serverMicros: 10_000, computeSeconds: 0 },
    { clock: virtualClock(), sizeOf },
  );
  const stream = purse.guard(PRICED, engine).stream(asked, new AbortController().signal)[Symbol.asyncIterator]();
  await stream.next();
  await stream.next();
  const soFar = { ...most, completion_tokens: 2, total_tokens: most.prompt_tokens + 2 };
  const cost = costMicros(PRICED, { usage: soFar, seconds: 0 });
  assert.deepEqual(purse.spent(), { tokens: soFar.total_tokens, usdMicros: cost });
  await stream.return?.();
  assert.deepEqual(purse.spent(), { tokens: soFar.total_tokens, usdMicros: cost });
});

test("questions dropped in the middle count with their prompts, as many as a server has at once", async () => {
  const abort = new AbortController();
  const engine = fakeEngine();
  engine.run = async function* () {
    abort.abort();
    yield* [];
  };
  const limit = { tokens: 100_000, serverMicros: 100_000, computeSeconds: 0 };
  const purse = openPurse(limit, { clock: virtualClock(), sizeOf });
  const five = lines(5);
  for await (const _ of purse.guard(PRICED, engine).run(five, abort.signal)) assert.fail("a reply came");
  const prompts = five.slice(0, PRICED.maxConcurrency).map((one) => usageBound(PRICED, one.body, sizeOf).prompt_tokens);
  assert.equal(
    purse.spent().tokens,
    prompts.reduce((sum, count) => sum + count, 0),
  );
});

test("the embedded engine's time counts once, however many wait for it, and not while the taker is busy", async () => {
  const clock = virtualClock();
  const engine = fakeEngine();
  engine.stream = async function* () {
    await clock.sleep(2000);
    yield { kind: "text", choice: 0, text: "a" };
    yield { kind: "finish", choice: 0, reason: "stop" };
  };
  const purse = openPurse({ tokens: 10_000, serverMicros: 0, computeSeconds: 100 }, { clock, sizeOf });
  const guarded = purse.guard(EMBEDDED, engine);
  const read = async () => {
    for await (const _ of guarded.stream(body(1), new AbortController().signal)) await clock.sleep(10_000);
  };
  await clock.run(Promise.all([read(), read()]));
  assert.equal(purse.spent().usdMicros, Math.ceil(2 * 13.1));
});
