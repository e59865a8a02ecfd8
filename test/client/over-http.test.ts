/** The same over a real connection: chunked bodies, streams and clients that leave. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { listen } from "../../functions/api/listen.ts";
import { connect, ServiceError } from "../../functions/client/client.ts";
import { picture } from "../intake/support.ts";
import { openTestApi, type TestApi } from "../support/api.ts";
import { finishedRun, testConfig } from "../support/scored-run.ts";

const { data: _, ...CONFIG } = testConfig();

async function served(api: TestApi) {
  const listening = await listen(api.app, { port: 0, host: "127.0.0.1" });
  return { client: connect(listening.url, { apiKey: api.admin }), close: () => listening.close() };
}

async function* rowsOf(image: string, count: number) {
  for (let at = 0; at < count; at++) yield { image, question: `What is there, ${at}? ${"x".repeat(100)}` };
}

test("rows sent in chunks become a run, with and without an Idempotency-Key, above and below a megabyte", async () => {
  await using api = await openTestApi("sqlite");
  const { client, close } = await served(api);
  const { id } = await client.uploadImage(new Uint8Array(await picture("png", 1, 8)));
  const made = [];
  for (const [rows, idempotencyKey] of [
    [20, undefined],
    [20, "small"],
    [8000, "large"],
  ] as const) {
    const how = idempotencyKey === undefined ? {} : { idempotencyKey };
    made.push((await client.createRun({ config: { ...CONFIG, seed: rows } }, rowsOf(id, rows), how)).samples.data);
  }
  assert.deepEqual(made, [20, 20, 8000]);
  const replay = await client.createRun({ config: { ...CONFIG, seed: 8000 } }, rowsOf(id, 8000), {
    idempotencyKey: "large",
  });
  assert.equal(replay.created, true);
  await close();
});

test("a refusal comes while the rows are still being sent", async () => {
  await using api = await openTestApi();
  const { client, close } = await served(api);
  const refused = client.createRun({ config: { ...CONFIG, rounds: 0 } }, rowsOf("0".repeat(64), 20_000));
  await assert.rejects(refused, (error) => error instanceof ServiceError && error.code === "config.invalid");
  await close();
});

test("events arrive as they happen, and a client that leaves ends the stream on the server", async () => {
  await using api = await openTestApi();
  const { client, close } = await served(api);
  const { runId } = await finishedRun(1, api.deps);
  let waiting = 0;
  const { changed } = api.deps.service.events;
  api.deps.service.events.changed = async (...asked) => {
    waiting++;
    await changed(...asked);
    waiting--;
  };
  const stop = new AbortController();
  const events = client.events(runId, { signal: stop.signal });
  const first = events.next();
  const money = { kind: "money", settledMicros: 1, reservedMicros: 0, budgetMicros: 10 };
  await api.deps.service.events.append(runId, [{ at: 1, event: money }]);
  assert.equal((await first).value?.seq, 1);
  const second = events.next();
  while (waiting === 0) await new Promise(setImmediate);
  stop.abort();
  assert.deepEqual(await second, { done: true, value: undefined });
  while (waiting > 0) await new Promise(setImmediate);
  await close();
});

test("a dataset comes over the wire as it lies in the store", async () => {
  await using api = await openTestApi("sqlite");
  const { client, close } = await served(api);
  const { runId } = await finishedRun(30, api.deps);
  const { body } = await client.dataset(runId, { round: 1, format: "jsonl", as: "records" });
  const { total } = (await (await api.request(`/v1/runs/${runId}/pairs`)).json()) as { total: number };
  assert.equal((await new Response(body).text()).trim().split("\n").length, total);
  await close();
});
