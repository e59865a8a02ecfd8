import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { EngineFailure } from "../../../functions/adapters/openai/failure.ts";
import type { ChatDelta, Engine } from "../../../shared/ports/engine.ts";
import { clientOf, openaiServer, question } from "../../support/openai-server.ts";

async function deltas(engine: Engine, signal = new AbortController().signal): Promise<ChatDelta[]> {
  const seen: ChatDelta[] = [];
  for await (const delta of engine.stream(question("What do you see?"), signal)) seen.push(delta);
  return seen;
}

/** A server whose stream begins with `events` and then falls silent or ends. */
async function halfStream(events: string, end: "silence" | "close") {
  const http = createServer((_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" }).write(events);
    if (end === "close") response.end();
  });
  await new Promise<void>((listening) => http.listen(0, "127.0.0.1", listening));
  return {
    baseUrl: `http://127.0.0.1:${(http.address() as AddressInfo).port}/v1`,
    async [Symbol.asyncDispose]() {
      http.closeAllConnections();
      http.close();
    },
  };
}

const HELLO = `data: {"id":"x","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{"content":"Hello"}}]}\n\n`;

test("a stream is asked for again until it begins", async () => {
  await using server = await openaiServer({
    faults: ({ request }) => (request < 2 ? { kind: "status", status: 503 } : undefined),
  });
  const seen = await deltas(clientOf(server).engine);
  assert.deepEqual([seen.at(-1)?.kind, server.requests], ["usage", 3]);
});

test("a refused stream is an exception that carries code and advice", async () => {
  await using server = await openaiServer({ models: ["other"] });
  await assert.rejects(deltas(clientOf(server).engine), (error) => {
    assert.ok(error instanceof EngineFailure);
    assert.deepEqual([error.failure.code, error.failure.retryable], ["model_not_found", false]);
    return /fake-vlm.*This server has: other/.test(error.message);
  });
});

test("a stream that falls silent is a time-out, one that breaks off a lost connection", async () => {
  await using silent = await halfStream(HELLO, "silence");
  await assert.rejects(deltas(clientOf(silent, { timeoutSeconds: 5 }).engine), /sent nothing for 5 s in the middle/);
  await using closing = await halfStream(HELLO, "close");
  await assert.rejects(deltas(clientOf(closing).engine), /ended the stream before the answer was finished/);
});

test("an error event in the middle is an exception with the server's words", async () => {
  await using server = await halfStream(
    `${HELLO}data: {"error":{"message":"out of memory","type":"server_error"}}\n\n`,
    "close",
  );
  await assert.rejects(deltas(clientOf(server).engine), /out of memory/);
});

test("aborting a stream stops the server within a second", async () => {
  await using server = await openaiServer({ msPerToken: 50 });
  const abort = new AbortController();
  let seen = 0;
  for await (const _ of clientOf(server).engine.stream(question("What do you see?"), abort.signal)) {
    seen++;
    abort.abort();
  }
  const since = performance.now();
  while (server.engine.aborted === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(seen, 1);
  assert.ok(performance.now() - since < 1000);
});
