/** What every Engine promises, whatever is behind it. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Drain, NOT_ASKED } from "../../shared/drain.ts";
import type { ChatDelta, Engine } from "../../shared/ports/engine.ts";
import { type BatchLine, type ChatBody, ChatReply } from "../../shared/schemas/chat.ts";

export type EngineUnderTest = {
  engine: Engine;
  /** A model's name the engine knows. */
  model: string;
  /** A question about an image that is answered by sampling (temperature > 0) with several words; without `n` and `seed`. */
  open: ChatBody;
  /** A question that is answered with yes or no. */
  yesNo: ChatBody;
  close(): Promise<void>;
};

export function engineContract(name: string, open: () => Promise<EngineUnderTest>): void {
  describe(`Engine contract: ${name}`, () => {
    let tested: EngineUnderTest;
    before(async () => {
      tested = await open();
    });
    after(() => tested.close());

    test("answers every line exactly once with a reply of the schema", async () => {
      const lines = Array.from({ length: 20 }, (_, at) => line(`line-${at}`, { ...tested.open, seed: at }));
      const replies = await collected(tested.engine, lines);
      for (const reply of replies) assert.equal(ChatReply.parse(reply).outcome, "completed");
      assert.deepEqual(
        replies.map(({ custom_id }) => custom_id).toSorted(),
        lines.map(({ custom_id }) => custom_id).toSorted(),
      );
    });

    test("gives nothing for no lines", async () => {
      assert.deepEqual(await collected(tested.engine, []), []);
    });

    test("gives n choices, numbered from 0, and counts their tokens", async () => {
      const { choices, usage } = await completed(tested.engine, { ...tested.open, n: 4, seed: 7 });
      assert.deepEqual(
        choices.map(({ index }) => index),
        [0, 1, 2, 3],
      );
      assert.ok(choices.every(({ message }) => (message.content ?? "").length > 0));
      assert.ok(usage && usage.completion_tokens >= 4);
      assert.equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
    });

    test("gives the same answer to the same seed, alone or among others, and other answers to other seeds", async () => {
      const alone = await texts(tested.engine, { ...tested.open, n: 3, seed: 11 });
      const crowd = [3, 11, 5].map((seed) => line(`seed-${seed}`, { ...tested.open, n: 3, seed }));
      const among = (await collected(tested.engine, crowd)).find(({ custom_id }) => custom_id === "seed-11");
      assert.deepEqual(textsOf(among), alone);
      const others = await Promise.all(
        [1, 2, 3, 4].map((seed) => texts(tested.engine, { ...tested.open, n: 3, seed })),
      );
      assert.ok(new Set([alone, ...others].map((answer) => answer.join("\n"))).size > 1);
    });

    test("stops at max_tokens and says so", async () => {
      const { choices, usage } = await completed(tested.engine, { ...tested.open, max_tokens: 1, seed: 1 });
      assert.deepEqual([choices[0]?.finish_reason, usage?.completion_tokens], ["length", 1]);
    });

    test("gives logprobs in nats, likeliest first, where describe says that it can", async (context) => {
      const info = await tested.engine.describe(tested.model);
      if (!info.logprobs) return context.skip("this engine gives no logprobs");
      const { choices } = await completed(tested.engine, {
        ...tested.yesNo,
        max_tokens: 1,
        logprobs: true,
        top_logprobs: 20,
        temperature: 0,
      });
      const top = choices[0]?.logprobs?.content?.[0]?.top_logprobs.map(({ logprob }) => logprob) ?? [];
      assert.ok(top.length >= 2 && top.length <= 20);
      assert.deepEqual(
        top,
        top.toSorted((a, b) => b - a),
      );
      assert.ok(top.reduce((sum, logprob) => sum + Math.exp(logprob), 0) <= 1 + 1e-3);
    });

    test("fails the line with an unknown model, for good, and answers the others", async () => {
      const lines = [
        line("good", tested.open),
        line("bad", { ...tested.open, model: "no-such-model" }),
        line("fine", tested.yesNo),
      ];
      const outcomes = new Map((await collected(tested.engine, lines)).map((reply) => [reply.custom_id, reply]));
      const bad = outcomes.get("bad");
      assert.ok(bad?.outcome === "failed" && !bad.failure.retryable && bad.failure.message.includes("no-such-model"));
      assert.deepEqual([outcomes.get("good")?.outcome, outcomes.get("fine")?.outcome], ["completed", "completed"]);
    });

    test("describe of an unknown model is an exception that names it", async () => {
      await assert.rejects(tested.engine.describe("no-such-model"), /no-such-model/);
    });

    test("fails the line with an image that is not there, names it, and answers the others", async () => {
      const url = `blob:${"0".repeat(64)}`;
      const lost: ChatBody = {
        ...tested.open,
        messages: [
          {
            role: "user",
            content: [
              { type: "image_url", image_url: { url } },
              { type: "text", text: "What is it?" },
            ],
          },
        ],
      };
      const replies = await collected(tested.engine, [line("lost", lost), line("good", tested.open)]);
      const failed = replies.find(({ custom_id }) => custom_id === "lost");
      assert.ok(failed?.outcome === "failed" && failed.failure.message.includes(url));
      assert.equal(replies.find(({ custom_id }) => custom_id === "good")?.outcome, "completed");
    });

    test("ends early and quietly when aborted", async () => {
      const abort = new AbortController();
      const lines = Array.from({ length: 200 }, (_, at) => line(`line-${at}`, { ...tested.open, seed: at }));
      const seen: string[] = [];
      for await (const reply of tested.engine.run(lines, abort.signal)) {
        seen.push(reply.custom_id);
        abort.abort();
      }
      assert.ok(seen.length < lines.length);
      for await (const _ of tested.engine.run(lines, abort.signal)) assert.fail("an aborted run gave a reply");
    });

    test("after a drain gives no line two replies, and fails none but as not asked", async () => {
      const drain = new AbortController();
      const lines = Array.from({ length: 200 }, (_, at) => line(`line-${at}`, { ...tested.open, seed: at }));
      const replies: ChatReply[] = [];
      for await (const reply of tested.engine.run(lines, drain.signal)) {
        replies.push(reply);
        drain.abort(new Drain("paused"));
      }
      assert.equal(new Set(replies.map(({ custom_id }) => custom_id)).size, replies.length);
      assert.ok(replies.every((reply) => reply.outcome === "completed" || reply.failure.code === NOT_ASKED));
      assert.ok(replies.filter(({ outcome }) => outcome === "completed").length < lines.length);
      assert.equal((await completed(tested.engine, tested.open)).choices.length, 1, "it goes on answering others");
    });

    test("goes on answering after somebody left in the middle of a run", async () => {
      const lines = Array.from({ length: 50 }, (_, at) => line(`line-${at}`, { ...tested.open, seed: at }));
      for await (const _ of tested.engine.run(lines, new AbortController().signal)) break;
      assert.equal((await completed(tested.engine, tested.open)).choices.length, 1);
    });

    test("streams the answer that run gives to the same seed, with its finish and usage", async () => {
      const body = { ...tested.open, seed: 23 };
      const deltas: ChatDelta[] = [];
      for await (const delta of tested.engine.stream(body, new AbortController().signal)) deltas.push(delta);
      const text = deltas.map((delta) => (delta.kind === "text" ? delta.text : "")).join("");
      assert.deepEqual([text], await texts(tested.engine, body));
      assert.equal(deltas.filter(({ kind }) => kind === "finish").length, 1);
      assert.equal(deltas.at(-1)?.kind, "usage");
    });

    test("ends a stream early when aborted", async () => {
      const abort = new AbortController();
      const seen: ChatDelta[] = [];
      const reading = (async () => {
        for await (const delta of tested.engine.stream({ ...tested.open, seed: 23 }, abort.signal)) {
          seen.push(delta);
          abort.abort();
        }
      })();
      await reading;
      assert.ok(seen.every(({ kind }) => kind !== "usage"));
    });
  });
}

export function line(custom_id: string, body: ChatBody): BatchLine {
  return { custom_id, method: "POST", url: "/v1/chat/completions", body };
}

export async function collected(engine: Engine, lines: readonly BatchLine[]): Promise<ChatReply[]> {
  const replies: ChatReply[] = [];
  for await (const reply of engine.run(lines, new AbortController().signal)) replies.push(reply);
  return replies;
}

async function completed(engine: Engine, body: ChatBody) {
  const [reply] = await collected(engine, [line("only", body)]);
  assert.equal(reply?.outcome, "completed", JSON.stringify(reply));
  return (reply as Extract<ChatReply, { outcome: "completed" }>).completion;
}

async function texts(engine: Engine, body: ChatBody) {
  return textsOf((await collected(engine, [line("only", body)]))[0]);
}

function textsOf(reply: ChatReply | undefined) {
  return reply?.outcome === "completed" ? reply.completion.choices.map(({ message }) => message.content) : [];
}
