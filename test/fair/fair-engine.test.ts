import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import fc from "fast-check";
import { memoryBlobStore } from "../../functions/adapters/memory/blob-store.ts";
import { openEmbeddedEngine } from "../../functions/embedded/engine.ts";
import { sceneRows } from "../../functions/embedded/world/manifest.ts";
import { EMBEDDED_LIMITS, type FairLimits, fairEngine } from "../../functions/fair/fair-engine.ts";
import type { Engine } from "../../shared/ports/engine.ts";
import type { BatchLine, ChatBody, ChatReply } from "../../shared/schemas/chat.ts";
import { engineContract, line } from "../contract/engine.ts";
import { allOf } from "../support/all-of.ts";

const never = new AbortController().signal;
const body: ChatBody = { model: "m", messages: [{ role: "user", content: "Hi" }] };
const lines = (name: string, count: number, more: Partial<ChatBody> = {}): BatchLine[] =>
  Array.from({ length: count }, (_, at) => line(`${name}-${at}`, { ...body, ...more }));
const idsOf = (replies: readonly { custom_id: string }[]) => replies.map(({ custom_id }) => custom_id);

const replyTo = ({ custom_id, body: { model } }: BatchLine): ChatReply => ({
  outcome: "completed",
  custom_id,
  completion: { id: "1", object: "chat.completion", created: 0, model, choices: [] },
});

/** An engine that answers a line each turn of the event loop, in the order they reached it, and keeps a log. */
function slowEngine(answer: (line: BatchLine) => ChatReply | undefined = replyTo) {
  const batches: string[][] = [];
  const answered: string[] = [];
  let [onIt, most] = [0, 0];
  const queue: (() => void)[] = [];
  const turn = () => new Promise<void>((resolve) => queue.push(resolve));
  async function work(): Promise<void> {
    while (onIt > 0) {
      await nextTurn();
      queue.shift()?.();
    }
  }
  function begin(count: number): void {
    onIt += count;
    most = Math.max(most, onIt);
    if (onIt === count) void work();
  }
  const engine: Engine = {
    describe: async () => ({ name: "slow", revision: "1", logprobs: true, structuredOutput: true, warnings: [] }),
    async *run(asked, signal) {
      batches.push(idsOf(asked));
      begin(asked.length);
      let left = asked.length;
      try {
        for (const each of asked) {
          await turn();
          if (signal.aborted) return;
          const reply = answer(each);
          left--;
          onIt--;
          if (reply) answered.push(reply.custom_id);
          if (reply) yield reply;
        }
      } finally {
        onIt -= left;
      }
    },
    async *stream(_, signal) {
      begin(1);
      try {
        for (const text of ["a", "b"]) {
          await turn();
          if (signal.aborted) return;
          yield { kind: "text", choice: 0, text };
        }
      } finally {
        onIt--;
      }
    },
  };
  return { engine, batches, answered, most: () => most };
}

const blobs = memoryBlobStore();

engineContract("embedded, shared", async () => {
  const [row] = await allOf(sceneRows({ split: "tuning", seed: 60, count: 1 }));
  const url = `blob:${await blobs.writeContent(row!.image)}`;
  const asks = (text: string): ChatBody => ({
    model: "embedded/policy",
    messages: [
      {
        role: "user",
        content: [
          { type: "image_url", image_url: { url } },
          { type: "text", text },
        ],
      },
    ],
  });
  const engine = fairEngine(openEmbeddedEngine({ blobs }), EMBEDDED_LIMITS).for("tests");
  const question = { open: asks("Describe the picture."), yesNo: asks("Is there a dog?") };
  return { engine, model: "embedded/policy", ...question, close: async () => {} };
});

describe("a shared engine", () => {
  test("gives a flow that is alone all places, and never more", async () => {
    const { engine, most } = slowEngine();
    const replies = await allOf(fairEngine(engine, { inFlight: 4 }).for("run").run(lines("a", 20), never));
    assert.deepEqual(idsOf(replies).toSorted(), idsOf(lines("a", 20)).toSorted());
    assert.equal(most(), 4);
  });

  test("answers a small flow soon beside a huge one, and both to the end", async () => {
    const { engine, answered } = slowEngine();
    const fair = fairEngine(engine, { inFlight: 4 });
    const huge = allOf(fair.for("huge").run(lines("huge", 500), never));
    await nextTurn();
    const small = await allOf(fair.for("small").run(lines("small", 10), never));
    assert.equal(small.length, 10);
    assert.equal((await huge).length, 500);
    const last = answered.indexOf("small-9");
    assert.ok(last < 2 * 10 + 2 * 4, `the small flow's last line was answered as number ${last}`);
  });

  test("serves a flow of weight 3 three times as much", async () => {
    const { engine, answered } = slowEngine();
    const fair = fairEngine(engine, { inFlight: 4 });
    await Promise.all([
      allOf(fair.for("light").run(lines("light", 90), never)),
      allOf(fair.for("heavy", 3).run(lines("heavy", 90), never)),
    ]);
    const early = answered.slice(20, 100).filter((id) => id.startsWith("heavy")).length;
    assert.ok(early > 55 && early < 65, `${early} of 80`);
  });

  test("hands lines on in chunks where it is told to, one flow's together", async () => {
    const { engine, batches, most } = slowEngine();
    const fair = fairEngine(engine, { inFlight: 30, chunk: 10 });
    await Promise.all([
      allOf(fair.for("a").run(lines("a", 100), never)),
      allOf(fair.for("b").run(lines("b", 100), never)),
    ]);
    assert.ok(most() <= 30);
    assert.ok(batches.length <= 2 * (200 / 10), `${batches.length} batches`);
    for (const batch of batches) assert.equal(new Set(batch.map((id) => id[0])).size, 1);
  });

  test("weighs lines by their cost, and lets one pass that costs more than there is", async () => {
    const { engine, batches } = slowEngine();
    const limits: FairLimits = { inFlight: 10, chunk: 10, costOf: ({ n = 1 }) => n };
    const fair = fairEngine(engine, limits).for("run");
    const asked = [...lines("large", 2, { n: 128 }), ...lines("five", 2, { n: 5 })];
    assert.equal((await allOf(fair.run(asked, never))).length, 4);
    assert.deepEqual(batches, [["large-0"], ["large-1"], ["five-0", "five-1"]]);
  });

  test("fails only the lines of a batch that throws, with the failure it threw, to be tried again", async () => {
    const failure = { code: "engine_lost", message: "gone", retryable: true };
    const { engine } = slowEngine((asked) => {
      if (asked.custom_id === "a-1") throw Object.assign(new Error("gone"), { failure });
      if (asked.custom_id === "a-5") throw new Error("odd");
      return asked.custom_id === "a-3" ? undefined : replyTo(asked);
    });
    const replies = await allOf(fairEngine(engine, { inFlight: 1 }).for("run").run(lines("a", 7), never));
    const codes = new Map(
      replies.map((reply) => [reply.custom_id, reply.outcome === "failed" ? reply.failure : undefined]),
    );
    assert.equal(replies.length, 7);
    assert.deepEqual(codes.get("a-1"), failure);
    assert.deepEqual([codes.get("a-3")?.code, codes.get("a-3")?.retryable], ["no_reply", true]);
    assert.deepEqual([codes.get("a-5")?.code, codes.get("a-5")?.retryable], ["engine_failed", true]);
    assert.equal([...codes.values()].filter((code) => code === undefined).length, 4);
  });

  test("asks nothing more for a flow that is aborted, and goes on with the others", async () => {
    const { engine, answered } = slowEngine();
    const fair = fairEngine(engine, { inFlight: 2 });
    const abort = new AbortController();
    const others = allOf(fair.for("b").run(lines("b", 20), never));
    const seen: string[] = [];
    for await (const { custom_id } of fair.for("a").run(lines("a", 50), abort.signal)) {
      seen.push(custom_id);
      if (seen.length === 3) abort.abort();
    }
    assert.equal(seen.length, 3);
    assert.equal((await others).length, 20);
    assert.ok(answered.filter((id) => id.startsWith("a")).length <= 5);
  });

  test("lets a stream wait for its turn, and frees its place although nobody reads on", async () => {
    const { engine } = slowEngine();
    const fair = fairEngine(engine, { inFlight: 1 });
    const before = allOf(fair.for("run").run(lines("a", 3), never));
    const stream = fair.for("chat").stream(body, never)[Symbol.asyncIterator]();
    const first = await stream.next();
    assert.deepEqual(first.value, { kind: "text", choice: 0, text: "a" });
    assert.equal((await allOf(fair.for("run").run(lines("b", 3), never))).length, 3);
    assert.equal((await before).length, 3);
    assert.deepEqual((await stream.next()).value, { kind: "text", choice: 0, text: "b" });
    await stream.return?.();
  });

  test("ends a stream quietly that is aborted before its turn", async () => {
    const { engine } = slowEngine();
    const fair = fairEngine(engine, { inFlight: 1 });
    const abort = new AbortController();
    const before = allOf(fair.for("run").run(lines("a", 20), never));
    const waiting = allOf(fair.for("chat").stream(body, abort.signal));
    await nextTurn();
    abort.abort();
    assert.deepEqual(await waiting, []);
    assert.equal((await before).length, 20);
  });

  test("answers every line once, whoever asks and leaves at whatever moment", async () => {
    const call = fc.record({
      flow: fc.constantFrom("a", "b", "c"),
      count: fc.integer({ min: 0, max: 12 }),
      leaveAfter: fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined }),
    });
    const limits = fc.record({ chunk: fc.integer({ min: 1, max: 8 }), more: fc.integer({ min: 0, max: 16 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(call, { maxLength: 6 }), limits, async (calls, { chunk, more }) => {
        const { engine, most } = slowEngine();
        const fair = fairEngine(engine, { inFlight: chunk + more, chunk });
        const asks = calls.map(async ({ flow, count, leaveAfter }, at) => {
          const seen: string[] = [];
          const asked = lines(`${at}`, count);
          for await (const { custom_id } of fair.for(flow).run(asked, never)) {
            seen.push(custom_id);
            if (seen.length === leaveAfter) break;
          }
          const wanted = Math.min(count, leaveAfter ?? count);
          assert.deepEqual([new Set(seen).size, seen.length], [wanted, wanted]);
        });
        await Promise.all(asks);
        const after = await allOf(fair.for("after").run(lines("after", 3), never)); // every place came back
        assert.equal(after.length, 3);
        assert.ok(most() <= chunk + more);
      }),
      { numRuns: 50 },
    );
  });
});
