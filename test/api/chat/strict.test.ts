import assert from "node:assert/strict";
import { test } from "node:test";
import { engineServer } from "../../../functions/api/chat/engine-server.ts";
import { acceptImageUrl } from "../../../functions/intake/image-url.ts";
import { fakeEngine } from "../../support/fake-engine.ts";
import { PNG, servedOn } from "../../support/openai-server.ts";

function serverOf(engine = fakeEngine({ maxTokens: 1000 })) {
  const images = { open: (url: string) => acceptImageUrl(url, { web: false }) };
  const app = engineServer({ ...servedOn(engine), images });
  const post = (body: unknown) =>
    app.request("/v1/chat/completions", {
      method: "POST",
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
  return { app, engine, post };
}

const ASKED = { model: "fake-vlm", messages: [{ role: "user", content: "Hello?" }] };
const asImage = (url: string) => ({
  ...ASKED,
  messages: [{ role: "user", content: [{ type: "image_url", image_url: { url } }] }],
});

const REFUSED: { case: string; body: unknown; param: string | null; code: string; says: RegExp }[] = [
  { case: "no JSON", body: "{", param: null, code: "invalid_json", says: /not JSON/ },
  {
    case: "tools",
    body: { ...ASKED, tools: [] },
    param: "tools",
    code: "unsupported_parameter",
    says: /'tools'.*takes model, messages/,
  },
  {
    case: "a penalty",
    body: { ...ASKED, presence_penalty: 1 },
    param: "presence_penalty",
    code: "unsupported_parameter",
    says: /presence_penalty/,
  },
  {
    case: "json_object",
    body: { ...ASKED, response_format: { type: "json_object" } },
    param: "response_format.type",
    code: "invalid_value",
    says: /response_format/,
  },
  { case: "no messages", body: { model: "fake-vlm" }, param: "messages", code: "invalid_value", says: /'messages'/ },
  {
    case: "too hot",
    body: { ...ASKED, temperature: 3 },
    param: "temperature",
    code: "invalid_value",
    says: /'temperature'/,
  },
  { case: "n of 0", body: { ...ASKED, n: 0 }, param: "n", code: "invalid_value", says: /'n'/ },
  {
    case: "audio",
    body: { ...ASKED, messages: [{ role: "user", content: [{ type: "input_audio", input_audio: {} }] }] },
    param: "messages[0].content[0].type",
    code: "invalid_value",
    says: /content\[0\]/,
  },
  {
    case: "a name",
    body: { ...ASKED, messages: [{ role: "user", content: "Hi", name: "Ann" }] },
    param: "messages[0].name",
    code: "unsupported_parameter",
    says: /name/,
  },
  {
    case: "an image on the web",
    body: asImage("https://example.com/dog.png"),
    param: "messages[0].content[0].image_url.url",
    code: "image_is_a_url",
    says: /fetches nothing.*data URL/,
  },
  {
    case: "a file",
    body: asImage("file:///etc/passwd"),
    param: "messages[0].content[0].image_url.url",
    code: "image_is_a_url",
    says: /fetches nothing.*data URL/,
  },
  {
    case: "another's blob",
    body: asImage(`blob:${"0".repeat(64)}`),
    param: "messages[0].content[0].image_url.url",
    code: "image_is_a_url",
    says: /fetches nothing.*data URL/,
  },
  {
    case: "broken base64",
    body: asImage("data:image/png;base64,%%%"),
    param: "messages[0].content[0].image_url.url",
    code: "unknown_encoding",
    says: /not valid base64/,
  },
  {
    case: "text as image",
    body: asImage(`data:image/png;base64,${btoa("hello")}`),
    param: "messages[0].content[0].image_url.url",
    code: "unknown_image_format",
    says: /JPEG/,
  },
  {
    case: "top_logprobs alone",
    body: { ...ASKED, top_logprobs: 3 },
    param: "top_logprobs",
    code: "invalid_value",
    says: /logprobs: true/,
  },
  {
    case: "more tokens than the model writes",
    body: { ...ASKED, max_tokens: 1001 },
    param: "max_tokens",
    code: "invalid_value",
    says: /at most 1000 tokens/,
  },
  {
    case: "trust without an image",
    body: { ...ASKED, trust: true },
    param: "messages",
    code: "invalid_value",
    says: /about an image/,
  },
  {
    case: "trust in several answers",
    body: { ...ASKED, trust: true, n: 2 },
    param: "n",
    code: "invalid_value",
    says: /one answer/,
  },
  {
    case: "too many answers to choose from",
    body: { ...ASKED, trust: { best_of: 17 } },
    param: "trust.best_of",
    code: "invalid_value",
    says: /best_of/,
  },
  {
    case: "an unknown part of trust",
    body: { ...ASKED, trust: { score: true } },
    param: "trust.score",
    code: "unsupported_parameter",
    says: /trust\.score/,
  },
  {
    case: "two limits",
    body: { ...ASKED, max_tokens: 1, max_completion_tokens: 2 },
    param: "max_tokens",
    code: "invalid_value",
    says: /only one/,
  },
];
for (const { case: name, body, param, code, says } of REFUSED) {
  test(`refuses ${name} by name and does not bother the engine`, async () => {
    const { post, engine } = serverOf();
    const response = await post(body);
    const { error } = (await response.json()) as {
      error: { message: string; type: string; param: string | null; code: string };
    };
    assert.deepEqual(
      [response.status, error.type, error.param, error.code],
      [400, "invalid_request_error", param, code],
    );
    assert.match(error.message, says);
    assert.equal(engine.batches.length + engine.streamed.length, 0);
  });
}

test("hands every parameter to the engine as the engine names it", async () => {
  const { post, engine } = serverOf();
  const sent = { temperature: 0.5, top_p: 0.9, n: 2, seed: 3, stop: ["."], logprobs: true, top_logprobs: 4 };
  const messages = [
    { role: "developer", content: "Be brief." },
    ...asImage(`data:image/png;base64,${PNG.toString("base64")}`).messages,
  ];
  const response = await post({
    ...ASKED,
    ...sent,
    messages,
    max_completion_tokens: 9,
    stream: null,
    response_format: { type: "text" },
  });
  assert.equal(response.status, 200, await response.clone().text());
  const { messages: received, ...rest } = engine.streamed[0] ?? { messages: [] };
  assert.deepEqual(rest, { model: "fake-vlm", ...sent, max_tokens: 9 });
  assert.deepEqual(received[0], { role: "system", content: "Be brief." });
});

test("an engine that breaks is a server error in OpenAI's shape", async () => {
  const engine = fakeEngine();
  engine.stream = () => {
    throw new Error("out of memory");
  };
  const response = await serverOf(engine).post(ASKED);
  assert.equal(response.status, 500);
  assert.deepEqual(await response.json(), {
    error: { message: "the engine failed: out of memory", type: "server_error", param: null, code: "engine_error" },
  });
});

test("healthz is open, other paths are errors in OpenAI's shape", async () => {
  const app = engineServer({ ...servedOn(fakeEngine(), { models: ["m"] }), apiKeys: ["k"] });
  assert.deepEqual(await (await app.request("/healthz")).json(), { status: "ok", models: ["m"] });
  const refused = await app.request("/v1/models");
  assert.deepEqual(
    [refused.status, ((await refused.json()) as { error: { code: string } }).error.code],
    [401, "invalid_api_key"],
  );
  const lost = await app.request("/v1/embeddings", { method: "POST", headers: { authorization: "Bearer k" } });
  assert.deepEqual(
    [lost.status, ((await lost.json()) as { error: { code: string } }).error.code],
    [404, "unknown_endpoint"],
  );
});
