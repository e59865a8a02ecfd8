import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI, { APIError } from "openai";
import { KEY_LIMITS } from "../../../shared/schemas/service.ts";
import { fakeEngine } from "../../support/fake-engine.ts";
import { about, openChatService, scene, settled } from "./support.ts";

const ASKED = { model: "vlm", messages: [{ role: "user" as const, content: "What do you see?" }] };

/** The client's class, its code and param. */
async function refusal(work: Promise<unknown>) {
  const error = await work.then(
    () => assert.fail("it was not refused"),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof APIError);
  return [error.constructor, error.code, error.param];
}

test("errors arrive as the official client's own classes", async () => {
  await using service = await openChatService(fakeEngine());
  const { chat, models } = service.client();
  const readsRuns = await service.api.keyOf(["runs:read"]);
  const ask = (more: object, apiKey = service.chatKey) =>
    refusal(service.client({ apiKey }).chat.completions.create({ ...ASKED, ...more }));
  assert.deepEqual(await ask({}, "rlk_wrong"), [OpenAI.AuthenticationError, "invalid_api_key", null]);
  assert.deepEqual(await ask({}, readsRuns), [OpenAI.PermissionDeniedError, "insufficient_permissions", null]);
  assert.deepEqual(await ask({ tools: [] }), [OpenAI.BadRequestError, "unsupported_parameter", "tools"]);
  assert.deepEqual(await ask({ model: "nobody" }), [OpenAI.NotFoundError, "model_not_found", "model"]);
  assert.deepEqual(await refusal(models.retrieve("nobody")), [OpenAI.NotFoundError, "model_not_found", "model"]);
  const lost = chat.completions.retrieve("chatcmpl-1");
  assert.deepEqual(await refusal(lost), [OpenAI.NotFoundError, "unknown_endpoint", null]);
  const web = about({ ...(await scene()), url: "https://example.com/a.png" });
  const [kind, code, param] = await ask({ messages: web });
  assert.deepEqual([kind, code], [OpenAI.BadRequestError, "image_is_a_url"]);
  assert.equal(param, "messages[0].content[0].image_url.url");
});

test("a limit is a RateLimitError; the client's own retries get over a short one", async () => {
  await using service = await openChatService(fakeEngine({ msPerToken: 30 }));
  const apiKey = await service.api.keyOf(["chat"], { ...KEY_LIMITS, concurrentRequests: 1 });
  const client = service.client({ apiKey });
  const slow = client.chat.completions.create(ASKED);
  while ((await service.usage(apiKey)).concurrentRequests.used === 0) await new Promise(setImmediate);
  const [kind, code] = await refusal(client.chat.completions.create(ASKED));
  assert.deepEqual([kind, code], [OpenAI.RateLimitError, "rate_limit_exceeded"]);
  const patient = await service.client({ apiKey, maxRetries: 2 }).chat.completions.create(ASKED);
  assert.equal(patient.choices.length, 1);
  await slow;
});

test("an empty purse is told once, not tried again", async () => {
  await using service = await openChatService(fakeEngine());
  const apiKey = await service.api.keyOf(["chat"], { ...KEY_LIMITS, usdPerDay: 0 });
  let requests = 0;
  const counting: typeof fetch = (...request) => {
    requests++;
    return fetch(...request);
  };
  const client = service.client({ apiKey, maxRetries: 3, fetch: counting });
  const [kind, code] = await refusal(client.chat.completions.create(ASKED));
  assert.deepEqual([kind, code, requests], [OpenAI.RateLimitError, "insufficient_quota", 1]);
});

test("nobody needs a key where chat is open to all", async () => {
  await using service = await openChatService(fakeEngine());
  const headers = { "content-type": "application/json" };
  const init = { method: "POST", headers, body: JSON.stringify(ASKED) };
  const answer = await fetch(`${service.baseURL}/chat/completions`, init);
  assert.equal(answer.status, 200);
  const wrongMethod = await fetch(`${service.baseURL}/chat/completions`);
  assert.deepEqual([wrongMethod.status, wrongMethod.headers.get("allow")], [405, "POST"]);
});

test("an engine that breaks is a server error, before and in the middle of a stream", async () => {
  const engine = fakeEngine();
  engine.stream = async function* ({ seed }) {
    if (seed === 1) throw new Error("out of memory");
    yield { kind: "text", choice: 0, text: "I see" };
    throw new Error("out of memory");
  };
  await using service = await openChatService(engine);
  const client = service.client();
  for (const stream of [false, true]) {
    const [kind] = await refusal(client.chat.completions.create({ ...ASKED, seed: 1, stream }));
    assert.equal(kind, OpenAI.InternalServerError);
  }
  const broken = await client.chat.completions.create({ ...ASKED, stream: true });
  const reading = (async () => {
    for await (const _ of broken);
  })();
  await assert.rejects(reading, /out of memory/);
  assert.equal((await settled(service)).usdMicros.reserved, 0);
});
