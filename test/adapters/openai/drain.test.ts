import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryBlobStore } from "../../../functions/adapters/memory/blob-store.ts";
import { openaiEngine } from "../../../functions/adapters/openai/engine.ts";
import { DRAIN_MS, Drain, NOT_ASKED } from "../../../shared/drain.ts";
import type { Engine } from "../../../shared/ports/engine.ts";
import { randomFrom } from "../../../shared/random.ts";
import type { ChatReply } from "../../../shared/schemas/chat.ts";
import { ModelRef } from "../../../shared/schemas/config.ts";
import { line } from "../../contract/engine.ts";
import { clientOf, openaiServer, question, type TestServer } from "../../support/openai-server.ts";
import { virtualClock } from "../../support/virtual-clock.ts";

const LINES = Array.from({ length: 30 }, (_, at) => line(`line-${at}`, question(`What is at ${at}?`, { seed: at })));

async function collect(engine: Engine, signal: AbortSignal): Promise<ChatReply[]> {
  const replies: ChatReply[] = [];
  for await (const reply of engine.run(LINES, signal)) replies.push(reply);
  return replies;
}

const codeOf = (reply: ChatReply): string => (reply.outcome === "completed" ? "completed" : reply.failure.code);
const countOf = (replies: readonly ChatReply[], code: string): number =>
  replies.filter((reply) => codeOf(reply) === code).length;

async function arrived(server: TestServer, requests: number): Promise<void> {
  while (server.requests < requests) await new Promise((turn) => setImmediate(turn));
}

test("after a drain what was asked is answered, and every other line says that it was not asked", async () => {
  await using server = await openaiServer({ faults: () => ({ kind: "slow", ms: 20 }) });
  const stop = new AbortController();
  const running = collect(clientOf(server, { maxConcurrency: 3 }).engine, stop.signal);
  await arrived(server, 5);
  stop.abort(new Drain("paused"));
  const replies = await running;
  assert.deepEqual(replies.map(({ custom_id }) => custom_id).toSorted(), LINES.map((one) => one.custom_id).toSorted());
  assert.ok(server.requests < LINES.length);
  assert.equal(countOf(replies, "completed"), server.requests);
  assert.equal(countOf(replies, NOT_ASKED), LINES.length - server.requests);
});

test("a server that never answers holds a drain for its bound and no longer; what hangs has no reply", async () => {
  await using server = await openaiServer({ faults: () => ({ kind: "hang" }) });
  const clock = virtualClock();
  const model = ModelRef.parse({ engine: "openai", model: "fake-vlm", baseUrl: server.baseUrl, maxConcurrency: 3 });
  const engine = openaiEngine({ model, apiKey: undefined, blobs: memoryBlobStore(), clock, random: randomFrom(1) });
  const stop = new AbortController();
  let ended = false;
  const running = collect(engine, stop.signal).finally(() => {
    ended = true;
  });
  await arrived(server, 3);
  stop.abort(new Drain("paused"));
  await clock.advance(DRAIN_MS - 1);
  assert.equal(ended, false, "what was asked may still be answered");
  await clock.advance(1);
  const replies = await running;
  assert.equal(countOf(replies, NOT_ASKED), LINES.length - 3);
  assert.equal(replies.length, LINES.length - 3);
});

test("a drained request that was only ever refused for its rate says so: the server did no work for it", async () => {
  const refused = { kind: "status" as const, status: 429, headers: { "retry-after": "60" } };
  await using server = await openaiServer({ faults: () => refused });
  const replies = await drainedAfterFaults(server);
  assert.equal(countOf(replies, "rate_limited"), server.requests);
  assert.equal(countOf(replies, NOT_ASKED), LINES.length - server.requests);
});

test("a drained request that a server may have worked on before it failed is told as one of unknown cost", async () => {
  await using server = await openaiServer({
    faults: ({ request }) => ({ kind: "status", status: request === 0 ? 500 : 429, headers: { "retry-after": "60" } }),
  });
  const replies = await drainedAfterFaults(server);
  assert.equal(countOf(replies, "no_reply"), 1);
  assert.equal(countOf(replies, "rate_limited"), server.requests - 1);
});

/** Drains once every request is waiting for its retry. */
async function drainedAfterFaults(server: TestServer): Promise<ChatReply[]> {
  const { engine, clock } = clientOf(server, { maxConcurrency: 2 });
  const stop = new AbortController();
  const running = collect(engine, stop.signal);
  while (server.faults < 2 || clock.slept.length < 2) await new Promise((turn) => setImmediate(turn));
  stop.abort(new Drain("paused"));
  return running;
}
