import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import OpenAI, { AuthenticationError, BadRequestError, InternalServerError, NotFoundError } from "openai";
import { sha256Hex } from "../../../shared/ids.ts";
import { openaiServer, PNG } from "../../support/openai-server.ts";

const IMAGE = `data:image/png;base64,${PNG.toString("base64")}`;

function outsider(server: { baseUrl: string }, apiKey = "any") {
  return new OpenAI({ baseURL: server.baseUrl, apiKey, maxRetries: 0 });
}

const ASKED = { model: "fake-vlm", messages: [{ role: "user" as const, content: "What do you see?" }], seed: 5 };

test("an unmodified client lists the models and gets an answer with usage", async () => {
  await using server = await openaiServer({ models: ["fake-vlm", "fake-vlm-r1"] });
  const client = outsider(server);
  assert.deepEqual(
    (await client.models.list()).data.map(({ id }) => id),
    ["fake-vlm", "fake-vlm-r1"],
  );
  const completion = await client.chat.completions.create({ ...ASKED, n: 2, logprobs: true, top_logprobs: 3 });
  assert.deepEqual(
    completion.choices.map(({ index, message }) => [index, message.role, typeof message.content]),
    [
      [0, "assistant", "string"],
      [1, "assistant", "string"],
    ],
  );
  assert.equal(completion.choices[0]?.logprobs?.content?.[0]?.top_logprobs.length, 3);
  assert.equal(
    completion.usage?.total_tokens,
    (completion.usage?.prompt_tokens ?? 0) + (completion.usage?.completion_tokens ?? 0),
  );
  assert.deepEqual(
    [completion.object, completion.model, completion.system_fingerprint],
    ["chat.completion", "fake-vlm", "fake-1"],
  );
});

test("images come as data URLs and reach the engine by their hash", async () => {
  await using server = await openaiServer();
  const content = [
    { type: "image_url" as const, image_url: { url: IMAGE, detail: "auto" as const } },
    { type: "text" as const, text: "What do you see?" },
  ];
  await outsider(server).chat.completions.create({ ...ASKED, messages: [{ role: "user", content }] });
  const url = `blob:${sha256Hex(PNG)}`;
  assert.deepEqual(server.engine.streamed[0]?.messages, [
    {
      role: "user",
      content: [
        { type: "image_url", image_url: { url } },
        { type: "text", text: "What do you see?" },
      ],
    },
  ]);
  assert.deepEqual(await server.images.read(`blobs/${sha256Hex(PNG)}`), new Uint8Array(PNG));
});

test("streams what it would have answered, with usage where it is asked for", async () => {
  await using server = await openaiServer();
  const client = outsider(server);
  const whole = await client.chat.completions.create({ ...ASKED, n: 2 });
  const texts = ["", ""];
  const reasons: string[] = [];
  let usage: unknown;
  for await (const chunk of await client.chat.completions.create({
    ...ASKED,
    n: 2,
    stream: true,
    stream_options: { include_usage: true },
  })) {
    for (const { index, delta, finish_reason } of chunk.choices) {
      texts[index] += delta.content ?? "";
      if (finish_reason !== null) reasons.push(finish_reason);
    }
    usage = chunk.usage ?? usage;
  }
  assert.deepEqual(
    [texts, reasons, usage],
    [whole.choices.map(({ message }) => message.content), ["stop", "stop"], whole.usage],
  );
});

test("the client's own stream helper puts the answer together", async () => {
  await using server = await openaiServer();
  const client = outsider(server);
  const whole = await client.chat.completions.create(ASKED);
  const streamed = await client.chat.completions.stream(ASKED).finalChatCompletion();
  assert.equal(streamed.choices[0]?.message.content, whole.choices[0]?.message.content);
});

test("closing the connection stops the generation within a second, streamed or not", async () => {
  await using server = await openaiServer({ msPerToken: 200 });
  const client = outsider(server);
  const stream = await client.chat.completions.create({ ...ASKED, stream: true });
  for await (const _ of stream) break;
  const abort = new AbortController();
  const whole = client.chat.completions.create(ASKED, { signal: abort.signal });
  setTimeout(() => abort.abort(), 100);
  await assert.rejects(whole, OpenAI.APIUserAbortError);
  const since = performance.now();
  while (server.engine.aborted < 2 && performance.now() - since < 5000) await wait(5);
  assert.equal(server.engine.aborted, 2);
  assert.ok(performance.now() - since < 1000);
});

test("errors arrive as the client's own classes, with code and param", async () => {
  await using server = await openaiServer({ server: { apiKeys: ["right"] }, refuses: ["n"] });
  const client = outsider(server, "right");
  await assert.rejects(outsider(server, "wrong").chat.completions.create(ASKED), (error) => {
    assert.ok(error instanceof AuthenticationError);
    return error.code === "invalid_api_key";
  });
  await assert.rejects(client.chat.completions.create({ ...ASKED, model: "nobody" }), (error) => {
    assert.ok(error instanceof NotFoundError);
    return error.code === "model_not_found" && error.param === "model" && error.message.includes("fake-vlm");
  });
  await assert.rejects(client.chat.completions.create({ ...ASKED, tools: [] }), (error) => {
    assert.ok(error instanceof BadRequestError);
    return error.code === "unsupported_parameter" && error.param === "tools";
  });
  for (const stream of [false, true]) {
    await assert.rejects(
      async () => client.chat.completions.create({ ...ASKED, n: 3, stream }),
      (error) => {
        assert.ok(error instanceof BadRequestError);
        return error.message.includes("parameter n is not supported");
      },
    );
  }
});

test("the client's own retries get over a server in trouble", async () => {
  await using server = await openaiServer({
    faults: ({ request }) =>
      request === 0 ? { kind: "status", status: 500, headers: { "retry-after-ms": "1" } } : undefined,
  });
  await assert.rejects(outsider({ baseUrl: server.baseUrl }).chat.completions.create(ASKED), InternalServerError);
  const patient = new OpenAI({ baseURL: server.baseUrl, apiKey: "any", maxRetries: 2 });
  assert.equal((await patient.chat.completions.create(ASKED)).choices.length, 1);
});
