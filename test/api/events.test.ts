import assert from "node:assert/strict";
import { test } from "node:test";
import { eventsAfter, type ToldEvent } from "../../functions/client/events.ts";
import { ServiceError } from "../../functions/client/problem.ts";
import { BACKENDS, openTestApi, problemIn, type TestApi } from "../support/api.ts";
import { finishedRun } from "../support/scored-run.ts";

const money = (settledMicros: number) => ({
  at: 1000 + settledMicros,
  event: { kind: "money", settledMicros, reservedMicros: 0, budgetMicros: 10 },
});

/** Reads text until it holds `count` events; the rest of the stream is left. */
async function readEvents(response: Response, count: number): Promise<string> {
  const reader = response.body!.getReader();
  const decoder = new TextDecoder();
  let text = "";
  while (text.split("\nid: ").length + (text.startsWith("id: ") ? 1 : 0) - 1 < count || !text.endsWith("\n\n")) {
    const { done, value } = await reader.read();
    if (done) break;
    text += decoder.decode(value, { stream: true });
  }
  await reader.cancel();
  return text;
}

const idsIn = (text: string) => [...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));

async function runWithEvents(api: TestApi, count: number): Promise<string> {
  const { runId } = await finishedRun(1, api.deps);
  await api.deps.service.events.append(
    runId,
    Array.from({ length: count }, (_, at) => money(at + 1)),
  );
  return runId;
}

for (const backend of BACKENDS) {
  test(`${backend}: events are told from the first, or from where a connection broke`, async () => {
    await using api = await openTestApi(backend);
    const runId = await runWithEvents(api, 5);
    const whole = await api.request(`/v1/runs/${runId}/events`);
    assert.equal(whole.headers.get("content-type"), "text/event-stream");
    const text = await readEvents(whole, 5);
    assert.deepEqual(idsIn(text), [1, 2, 3, 4, 5]);
    assert.match(text, /^retry: 1000\n\nid: 1\nevent: money\ndata: \{"kind":"money",.*"at":1001\}\n\n/);
    const after = await api.request(`/v1/runs/${runId}/events?after=1`, { headers: { "last-event-id": "3" } });
    assert.deepEqual(idsIn(await readEvents(after, 2)), [4, 5]);
    assert.deepEqual(idsIn(await readEvents(await api.request(`/v1/runs/${runId}/events?after=2`), 3)), [3, 4, 5]);
  });

  test(`${backend}: an event that comes later is told at once`, async () => {
    await using api = await openTestApi(backend);
    const runId = await runWithEvents(api, 1);
    const reading = readEvents(await api.request(`/v1/runs/${runId}/events`), 2);
    await api.deps.service.events.append(runId, [money(2)]);
    assert.deepEqual(idsIn(await reading), [1, 2]);
  });
}

test("a silent stream gets a comment every 15 seconds", async () => {
  await using api = await openTestApi();
  const runId = await runWithEvents(api, 0);
  const reader = (await api.request(`/v1/runs/${runId}/events`)).body!.getReader();
  const next = async () => new TextDecoder().decode((await reader.read()).value);
  assert.equal(await next(), "retry: 1000\n\n");
  const beat = next();
  await api.clock.advance(14_999);
  await api.clock.advance(1);
  assert.equal(await beat, ": \n\n");
  await reader.cancel();
});

test("the stream ends when the client goes away", async () => {
  await using api = await openTestApi();
  const runId = await runWithEvents(api, 0);
  const client = new AbortController();
  const answer = await api.request(`/v1/runs/${runId}/events`, { signal: client.signal });
  const reader = answer.body!.getReader();
  await reader.read();
  const rest = reader.read();
  client.abort();
  assert.deepEqual(await rest, { done: true, value: undefined });
});

test("a Last-Event-ID that is no event's id, and an unknown run, are refused", async () => {
  await using api = await openTestApi();
  const runId = await runWithEvents(api, 1);
  const odd = await problemIn(api.request(`/v1/runs/${runId}/events`, { headers: { "last-event-id": "x" } }));
  assert.deepEqual([odd.code, odd.field], ["header.invalid", "header.Last-Event-ID"]);
  assert.equal((await problemIn(api.request("/v1/runs/none/events"))).code, "run.not_found");
});

test("an open stream of events holds no slot of its key", async () => {
  await using api = await openTestApi();
  const runId = await runWithEvents(api, 1);
  const key = await api.keyOf(["runs:read"], {
    requestsPerMinute: 9,
    concurrentRequests: 1,
    tokensPerDay: 1,
    usdPerDay: 1,
  });
  const stream = await api.request(`/v1/runs/${runId}/events`, { key });
  assert.equal((await api.request("/v1/usage", { key })).status, 200);
  await stream.body!.cancel();
});

test("the client goes on where the connection broke, and tells every event once", async () => {
  await using api = await openTestApi();
  const runId = await runWithEvents(api, 9);
  const stop = new AbortController();
  const seen: number[] = [];
  const opened: number[] = [];
  /** Cuts every connection after some events, once in the middle of one. */
  const open = async (last: number, signal: AbortSignal) => {
    opened.push(last);
    if (opened.length === 3) throw new TypeError("fetch failed");
    const whole = await api.request(`/v1/runs/${runId}/events`, { headers: { "last-event-id": `${last}` }, signal });
    return new Response((await readEvents(whole, 1)).slice(0, opened.length === 2 ? 350 : 270));
  };
  for await (const { seq } of eventsAfter(0, { open, signal: stop.signal, wait: async () => {} })) {
    seen.push(seq);
    if (seq === 9) stop.abort();
  }
  assert.deepEqual(seen, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.ok(opened.length > 3);
});

test("the client's iterator over the real stream ends when it is stopped, and throws what the service refuses", async () => {
  await using api = await openTestApi();
  const runId = await runWithEvents(api, 2);
  const stop = new AbortController();
  const told: ToldEvent[] = [];
  for await (const one of api.client().events(runId, { signal: stop.signal })) {
    told.push(one);
    if (told.length === 2) stop.abort();
  }
  assert.deepEqual(
    told.map(({ seq, event }) => [seq, event.kind]),
    [
      [1, "money"],
      [2, "money"],
    ],
  );
  const unknown = api.client().events("none", { signal: new AbortController().signal });
  await assert.rejects(unknown.next(), (error) => error instanceof ServiceError && error.code === "run.not_found");
});
