import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";
import { engineServer } from "../../../functions/api/chat/engine-server.ts";
import { listen } from "../../../functions/api/listen.ts";
import { fakeEngine } from "../../support/fake-engine.ts";
import { servedOn } from "../../support/openai-server.ts";

function app(engine = fakeEngine({ msPerToken: 1 })) {
  const gather = { windowMs: 20, running: 1, lines: 256 };
  const server = engineServer({ ...servedOn(engine, { models: ["m"] }), gather });
  const ask = (text: string, signal?: AbortSignal) =>
    server.request("/v1/chat/completions", {
      method: "POST",
      body: JSON.stringify({ model: "m", messages: [{ role: "user", content: text }], max_tokens: 1, seed: 1 }),
      ...(signal ? { signal } : {}),
    });
  return { engine, ask };
}

test("requests that come together go to the engine together, and each gets its own answer", async () => {
  const { engine, ask } = app();
  const words = Array.from({ length: 30 }, (_, at) => `question ${at}`);
  const together = await Promise.all(
    words.map(async (text) => (await (await ask(text)).json()) as OpenAI.ChatCompletion),
  );
  assert.equal(engine.batches.length, 1);
  const alone = (await (await ask("question 7")).json()) as OpenAI.ChatCompletion;
  assert.deepEqual(together[7]?.choices, alone.choices);
  const first = (await (await ask("question 0")).json()) as OpenAI.ChatCompletion;
  assert.deepEqual(together[0]?.choices, first.choices);
  assert.ok(new Set(together.map(({ choices }) => choices[0]?.message.content)).size > 1);
});

test("requests that come while a batch runs gather for the next one", async () => {
  const { engine, ask } = app(fakeEngine({ msPerToken: 10 }));
  const first = ask("first");
  while (engine.batches.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  await Promise.all([first, ...Array.from({ length: 10 }, (_, at) => ask(`later ${at}`))]);
  assert.deepEqual(
    engine.batches.map(({ length }) => length),
    [1, 10],
  );
});

test("a batch runs on while anybody waits for it, and stops with the last", async () => {
  const { engine, ask } = app(fakeEngine({ msPerToken: 20 }));
  const leaving = [new AbortController(), new AbortController()];
  const asked = leaving.map(({ signal }, at) => Promise.resolve(ask(`question ${at}`, signal)));
  while (engine.batches.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  leaving[0]?.abort();
  await asked[0];
  assert.equal(engine.aborted, 0);
  leaving[1]?.abort();
  await asked[1];
  while (engine.aborted === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.deepEqual(
    engine.batches.map(({ length }) => length),
    [2],
  );
});

test("listens on a free port, says where, refuses a taken one, and closes", async () => {
  const server = engineServer(servedOn(fakeEngine(), { models: ["m"] }));
  const listening = await listen(server, { port: 0, host: "127.0.0.1" });
  const client = new OpenAI({ baseURL: `${listening.url}/v1`, apiKey: "any" });
  assert.equal((await client.models.list()).data[0]?.id, "m");
  const port = Number(new URL(listening.url).port);
  await assert.rejects(listen(server, { port, host: "127.0.0.1" }), /EADDRINUSE.*choose another port/);
  await listening.close();
  await assert.rejects(fetch(`${listening.url}/healthz`));
});
