import assert from "node:assert/strict";
import { test } from "node:test";
import type { ChatCompletion } from "openai/resources/chat/completions";
import { requestBound } from "../../../shared/budget/bound.ts";
import { costMicros } from "../../../shared/budget/cost.ts";
import { MICROS_PER_USD } from "../../../shared/budget/prices.ts";
import { KEY_LIMITS } from "../../../shared/schemas/service.ts";
import { fakeEngine } from "../../support/fake-engine.ts";
import { about, EMBEDDED_POLICY, openChatService, pricedConfig, scene } from "./support.ts";

const ASKED = { model: "vlm", messages: [{ role: "user" as const, content: "What do you see?" }], max_tokens: 20 };
const REF = pricedConfig().policy;
/** What one such request reserves, millionths of a USD. */
const RESERVED = costMicros(REF, { usage: requestBound(ASKED, () => undefined), seconds: 0 });

/** Answers when it is told to, and costs exactly its bound. */
function gatedEngine() {
  const { promise: opened, resolve: open } = Promise.withResolvers<void>();
  const engine = fakeEngine();
  const usage = requestBound(ASKED, () => undefined);
  engine.stream = async function* (body) {
    engine.streamed.push(body);
    await opened;
    yield { kind: "text", choice: 0, text: "a" };
    yield { kind: "finish", choice: 0, reason: "stop" };
    yield { kind: "usage", usage };
  };
  return { engine, open };
}

test("of 200 chats at once, a key with money for 50 lets exactly 50 through", async () => {
  const { engine, open } = gatedEngine();
  await using service = await openChatService(engine);
  const usdPerDay = (50 * RESERVED + RESERVED - 1) / MICROS_PER_USD;
  const limits = { ...KEY_LIMITS, requestsPerMinute: 1000, concurrentRequests: 1000, usdPerDay };
  const key = await service.api.keyOf(["chat"], limits);
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  const init = { method: "POST", headers, body: JSON.stringify(ASKED) };
  let refused = 0;
  const answers = Array.from({ length: 200 }, async () => {
    const response = await fetch(`${service.baseURL}/chat/completions`, init);
    const body = (await response.json()) as ChatCompletion & { error?: { code: string } };
    if (response.status === 429) refused++;
    if (refused === 150) open(); // those that got in hold their money until everybody was decided
    return { status: response.status, code: body.error?.code };
  });
  const ended = await Promise.all(answers);
  assert.equal(ended.filter(({ status }) => status === 200).length, 50);
  assert.equal(ended.filter(({ code }) => code === "insufficient_quota").length, 150);
  assert.equal(engine.streamed.length, 50);
  const usage = await service.usage(key);
  assert.deepEqual([usage.usdMicros.used, usage.usdMicros.reserved], [50 * RESERVED, 0]);
});

test("what an answer used is paid, and the rest of what was reserved is free again", async () => {
  await using service = await openChatService(fakeEngine());
  const answer = await service.client().chat.completions.create({ ...ASKED, n: 3, seed: 1 });
  const usage = await service.usage();
  assert.equal(usage.tokens.used, answer.usage!.total_tokens);
  assert.equal(usage.usdMicros.used, costMicros(REF, { usage: answer.usage!, seconds: 0 }));
  assert.deepEqual([usage.tokens.reserved, usage.usdMicros.reserved, usage.concurrentRequests.used], [0, 0, 0]);
});

test("a server that tells no usage is paid for what came, its prompt at its bound", async () => {
  const engine = fakeEngine();
  engine.stream = async function* () {
    for (const text of ["one ", "two ", "six"]) yield { kind: "text", choice: 0, text };
    yield { kind: "finish", choice: 0, reason: "stop" };
  };
  await using service = await openChatService(engine);
  const answer = await service.client().chat.completions.create(ASKED);
  const prompt = requestBound(ASKED, () => undefined).prompt_tokens;
  assert.deepEqual([answer.usage!.prompt_tokens, answer.usage!.completion_tokens], [prompt, 3]);
  assert.equal((await service.usage()).tokens.used, prompt + 3);
});

test("the embedded model is paid by its seconds", async () => {
  await using service = await openChatService();
  await service.client().chat.completions.create({ model: EMBEDDED_POLICY, messages: about(await scene()) });
  const { usdMicros } = await service.usage();
  assert.ok(usdMicros.used >= 1 && usdMicros.used < 1000, `${usdMicros.used} millionths of a USD`);
});

test("every answer tells the limits and what is left, refusals after the admission too", async () => {
  await using service = await openChatService(fakeEngine({ refuses: ["n"] }));
  const headers = { authorization: `Bearer ${service.chatKey}` };
  for (const more of [{}, { stream: true }, { n: 2 }]) {
    const init = { method: "POST", headers, body: JSON.stringify({ ...ASKED, ...more }) };
    const response = await fetch(`${service.baseURL}/chat/completions`, init);
    assert.equal(response.headers.get("x-ratelimit-limit-requests"), `${KEY_LIMITS.requestsPerMinute}`);
    assert.ok(Number(response.headers.get("x-budget-remaining-usd")) > 0);
    await response.text();
  }
  const refused = await service.usage();
  assert.equal(refused.requestsThisMinute.used, 3);
  assert.equal(refused.usdMicros.reserved, 0);
});
