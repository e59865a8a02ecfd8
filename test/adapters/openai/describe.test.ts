import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { clientOf, openaiServer } from "../../support/openai-server.ts";

test("finds out by one tiny request what a good server can do", async () => {
  await using server = await openaiServer();
  const info = await clientOf(server).engine.describe("fake-vlm");
  assert.deepEqual(info, {
    name: `openai ${server.baseUrl}`,
    revision: "fingerprint=fake-1 owner=rlaifv",
    logprobs: true,
    structuredOutput: true,
    warnings: [],
  });
  assert.equal(server.requests, 1);
});

test("names a server that ignores logprobs, or refuses them, as no labeler", async () => {
  await using ignoring = await openaiServer({ logprobs: false });
  await using refusing = await openaiServer({ refuses: ["logprobs"] });
  for (const server of [ignoring, refusing]) {
    const info = await clientOf(server).engine.describe("fake-vlm");
    assert.deepEqual([info.logprobs, info.structuredOutput], [false, true]);
    assert.deepEqual(info.warnings, [
      `${server.baseUrl} (model fake-vlm) returns no top_logprobs: it cannot be a labeler`,
    ]);
  }
});

test("tells apart what a server refuses: n, a response format, both", async () => {
  await using server = await openaiServer({ refuses: ["n", "response_format"] });
  const info = await clientOf(server).engine.describe("fake-vlm");
  assert.deepEqual([info.logprobs, info.structuredOutput], [true, false]);
  assert.match(info.warnings.join(), /n choices cost n requests, choice i with seed \+ i/);
});

test("asks a model that wants images about a grey square", async () => {
  await using server = await openaiServer({ needsImage: true });
  const info = await clientOf(server).engine.describe("fake-vlm");
  assert.deepEqual([info.logprobs, info.structuredOutput, info.warnings], [true, true, []]);
});

test("warns of a server that refuses every probe instead of guessing what it can", async () => {
  const refusal = {
    error: { message: "only questions about trains", type: "invalid_request_error", param: null, code: null },
  };
  await using server = await openaiServer({ faults: () => ({ kind: "status", status: 400, body: refusal }) });
  const info = await clientOf(server).engine.describe("fake-vlm");
  assert.equal(info.logprobs, false);
  assert.match(info.warnings.join(), /only questions about trains/);
});

test("a server that answers every probe with 500 is an exception", async () => {
  await using server = await openaiServer({ faults: () => ({ kind: "status", status: 500 }) });
  await assert.rejects(
    clientOf(server).engine.describe("fake-vlm"),
    /\(model fake-vlm\) answered 500 injected 500\. Look into the server's log\. \(asked 3 times\)/,
  );
});

test("a model the server does not have is an exception that lists those it has", async () => {
  await using server = await openaiServer({ models: ["llava", "qwen"] });
  await assert.rejects(
    clientOf(server).engine.describe("lava"),
    /does not serve the model lava. It serves: llava, qwen\./,
  );
});

test("a refused key is an exception that names the environment variable", async () => {
  await using server = await openaiServer({ server: { apiKeys: ["right"] } });
  await assert.rejects(
    clientOf(server, { apiKey: "wrong" }).engine.describe("fake-vlm"),
    /Check the key in the environment variable TEST_KEY/,
  );
  await assert.rejects(clientOf(server).engine.describe("fake-vlm"), /environment variable TEST_KEY is not set/);
});

test("no server, a wrong path and a web page are told apart", async () => {
  const gone = await openaiServer();
  await gone[Symbol.asyncDispose]();
  await assert.rejects(clientOf(gone).engine.describe("m"), /ECONNREFUSED.*Is the server running/);

  await using server = await openaiServer();
  const wrongPath = { baseUrl: server.baseUrl.replace("/v1", "/v2") };
  await assert.rejects(clientOf(wrongPath).engine.describe("fake-vlm"), /404.*baseUrl/);

  const page = createServer((_, response) =>
    response.writeHead(200, { "content-type": "text/html" }).end("<h1>Hello</h1>"),
  );
  await new Promise<void>((listening) => page.listen(0, "127.0.0.1", listening));
  const { port } = page.address() as AddressInfo;
  try {
    await assert.rejects(
      clientOf({ baseUrl: `http://127.0.0.1:${port}` }).engine.describe("m"),
      /sent no chat completion.*Is baseUrl/,
    );
  } finally {
    page.close();
  }
});

test("a time-out longer than Node's fetch waits is told", async () => {
  await using server = await openaiServer();
  const info = await clientOf(server, { timeoutSeconds: 900 }).engine.describe("fake-vlm");
  assert.deepEqual(info.warnings, [
    "timeoutSeconds 900 acts as 300: Node's fetch waits no longer for a reply to begin",
  ]);
});
