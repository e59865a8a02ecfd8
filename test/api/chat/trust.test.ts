import assert from "node:assert/strict";
import { test } from "node:test";
import type { ChatCompletion, ChatCompletionChunk } from "openai/resources/chat/completions";
import type { TrustView } from "../../../functions/api/chat/parts.ts";
import { KEY_LIMITS } from "../../../shared/schemas/service.ts";
import { scriptedVlm } from "../../support/scripted-vlm.ts";
import { about, type ChatService, EMBEDDED_POLICY, openChatService, pricedConfig, scene, settled } from "./support.ts";

const trustOf = (answer: unknown): TrustView => (answer as { trust: TrustView }).trust;

async function* streamOf(service: ChatService, body: object): AsyncGenerator<ChatCompletionChunk> {
  const stream: unknown = await service.client().chat.completions.create(body as never);
  yield* stream as AsyncIterable<ChatCompletionChunk>;
}

async function asked(more: object = {}) {
  return { model: EMBEDDED_POLICY, messages: about(await scene()), seed: 5, temperature: 1, ...more };
}

test("trust tells the claims of an answer with question, p_yes and verdict", async () => {
  await using service = await openChatService();
  const answer = await service.client().chat.completions.create((await asked({ trust: true })) as never);
  const { claims, score, best_of, candidates, labelers, usage } = trustOf(answer);
  assert.ok(claims!.length > 0);
  for (const { question, p_yes, p_no, verdict } of claims!) {
    assert.match(question!, /\?$/);
    assert.ok(p_yes! >= 0 && p_no! >= 0 && p_yes! + p_no! <= 1.001);
    assert.ok(["accepted", "rejected", "abstained"].includes(verdict!));
  }
  const rejected = claims!.filter(({ verdict }) => verdict === "rejected").length;
  assert.deepEqual([score, best_of, labelers], [0 - rejected, 1, ["embedded/labeler"]]);
  assert.deepEqual(
    candidates.map((one) => [one.rejected, one.chosen]),
    [[rejected, true]],
  );
  assert.ok(usage.total_tokens > 0);
});

test("of several answers the one with the fewest rejected claims is given, streamed or not", async () => {
  await using service = await openChatService();
  const client = service.client();
  const body = await asked({ temperature: 1.3, trust: { best_of: 6 } });
  const whole = (await client.chat.completions.create(body as never)) as ChatCompletion;
  const { candidates, score } = trustOf(whole);
  assert.equal(candidates.length, 6);
  const scores = candidates.flatMap((one) => (one.score === null ? [] : [one.score]));
  assert.equal(score, Math.max(...scores));
  assert.equal(candidates.filter(({ chosen }) => chosen).length, 1);
  assert.equal(whole.choices.length, 1);
  const chunks: ChatCompletionChunk[] = [];
  const stream = { ...body, stream: true, stream_options: { include_usage: true } };
  for await (const chunk of streamOf(service, stream)) chunks.push(chunk);
  const text = chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join("");
  assert.equal(text, whole.choices[0]!.message.content);
  const [told, last] = chunks.slice(-2);
  assert.deepEqual([told!.choices, trustOf(told).candidates], [[], candidates]);
  assert.deepEqual(last!.usage, whole.usage);
});

test("the only answer is streamed as it is made, and its claims follow", async () => {
  await using service = await openChatService();
  const body = await asked({ trust: { claims: true }, stream: true });
  const kinds: string[] = [];
  for await (const chunk of streamOf(service, body)) {
    kinds.push(trustOf(chunk) !== undefined ? "trust" : chunk.choices[0]?.finish_reason ? "finish" : "text");
  }
  assert.ok(kinds.filter((kind) => kind === "text").length > 3);
  assert.deepEqual(kinds.slice(-2), ["finish", "trust"]);
});

test("claims can be left out of what is told", async () => {
  await using service = await openChatService();
  const body = await asked({ trust: { best_of: 2, claims: false } });
  const trust = trustOf(await service.client().chat.completions.create(body as never));
  assert.deepEqual([trust.claims, trust.candidates.length], [undefined, 2]);
});

test("a check that was made before costs nothing; both stay within what was reserved", async () => {
  const engine = scriptedVlm();
  await using service = await openChatService(engine);
  const body = { model: "vlm", messages: about(await scene()), seed: 1, trust: { best_of: 3 } };
  const ask = async () => trustOf(await service.client().chat.completions.create(body as never));
  const first = await ask();
  const spent = (await settled(service)).tokens.used;
  const second = await ask();
  const spentAgain = (await settled(service)).tokens.used - spent;
  assert.ok(first.usage.total_tokens > 0);
  assert.equal(second.usage.total_tokens, 0);
  assert.ok(spentAgain < spent);
  assert.deepEqual(second.claims, first.claims);
});

test("a check that would cost more than was reserved is refused, and what was asked is paid", async () => {
  const engine = scriptedVlm();
  engine.stream = async function* () {
    const text = Array.from({ length: 60 }, (_, at) => `It is ${at}.`).join(" ");
    yield { kind: "text", choice: 0, text };
    yield { kind: "finish", choice: 0, reason: "stop" };
  };
  await using service = await openChatService(engine, {
    ...pricedConfig(),
    divide: { ...pricedConfig().divide, maxTokens: 64 },
  });
  const body = { model: "vlm", messages: about(await scene()), max_tokens: 16, trust: true };
  const refused = service.client().chat.completions.create(body as never);
  await assert.rejects(refused, { status: 400, code: "trust_too_long", param: "trust" });
  const usage = await settled(service);
  assert.ok(usage.tokens.used > 0 && usage.tokens.used < KEY_LIMITS.tokensPerDay);
  assert.equal(usage.tokens.reserved, 0);
});

test("judges that cannot be had are told as such", async () => {
  const engine = scriptedVlm();
  engine.run = async function* (lines) {
    const failure = { code: "timed_out", message: "no answer in 120 s", retryable: true };
    for (const { custom_id } of lines) yield { outcome: "failed", custom_id, failure };
  };
  await using service = await openChatService(engine);
  const body = { model: "vlm", messages: about(await scene()), trust: true };
  const refused = service.client().chat.completions.create(body as never);
  await assert.rejects(refused, { status: 503, code: "trust_failed" });
});
