import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ChatReply } from "../../../shared/schemas/chat.ts";
import { collected, line } from "../../contract/engine.ts";
import { clientOf, type Fault, openaiServer, question } from "../../support/openai-server.ts";

const anyFault: fc.Arbitrary<Fault | undefined> = fc.oneof(
  { weight: 6, arbitrary: fc.constant(undefined) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("status" as const),
      status: fc.constantFrom(400, 408, 409, 422, 429, 500, 502, 503, 504, 529),
      headers: fc.constantFrom(
        {},
        { "retry-after": "2" },
        { "retry-after-ms": "30" },
        { "retry-after": "Wed, 21 Oct 2015 07:28:00 GMT" },
      ),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("status" as const), status: fc.constantFrom(401, 403, 404) }) },
  {
    weight: 4,
    arbitrary: fc.constantFrom<Fault>(
      { kind: "reset before reply" },
      { kind: "reset mid-body" },
      { kind: "malformed JSON" },
      { kind: "not a completion" },
    ),
  },
  { weight: 1, arbitrary: fc.constantFrom<Fault>({ kind: "hang" }, { kind: "slow", ms: 10 }) },
);

test("answers every custom_id exactly once, whatever faults the server has", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyFault, { maxLength: 40 }),
      fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 12 }),
      async (plan, counts) => {
        await using server = await openaiServer({ mostChoices: 2, faults: ({ request }) => plan[request] });
        const { engine } = clientOf(server, { timeoutSeconds: 0.1 });
        const replies = await collected(
          engine,
          counts.map((n, at) => line(`id-${at}`, question(`question ${at}`, { n }))),
        );
        assert.deepEqual(
          replies.map(({ custom_id }) => custom_id).toSorted(),
          counts.map((_, at) => `id-${at}`).toSorted(),
        );
        for (const reply of replies) {
          ChatReply.parse(reply);
          if (reply.outcome === "completed")
            assert.equal(reply.completion.choices.length, counts[Number(reply.custom_id.slice(3))]);
        }
      },
    ),
    { numRuns: 25, seed: 20261123 },
  );
});

const PASSING: Fault[] = [
  { kind: "status", status: 408 },
  { kind: "status", status: 409 },
  { kind: "status", status: 429 },
  { kind: "status", status: 500 },
  { kind: "status", status: 503 },
  { kind: "reset before reply" },
  { kind: "reset mid-body" },
  { kind: "malformed JSON" },
  { kind: "hang" },
];
for (const fault of PASSING) {
  const name = fault.kind === "status" ? `status ${fault.status}` : fault.kind;
  test(`asks again after ${name}`, async () => {
    await using server = await openaiServer({ faults: ({ request }) => (request < 2 ? fault : undefined) });
    const { engine } = clientOf(server, { timeoutSeconds: 0.3 });
    const [reply] = await collected(engine, [line("a", question("What is it?"))]);
    assert.deepEqual([reply?.outcome, server.requests], ["completed", 3]);
  });
}

const LASTING: { fault: Fault; code: string; requests: number; retryable: boolean }[] = [
  { fault: { kind: "status", status: 400 }, code: "bad_request", requests: 1, retryable: false },
  { fault: { kind: "status", status: 429 }, code: "rate_limited", requests: 12, retryable: true },
  {
    fault: { kind: "status", status: 429, headers: { "retry-after": "86400" } },
    code: "rate_limited",
    requests: 1,
    retryable: true,
  },
  { fault: { kind: "status", status: 500 }, code: "server_error", requests: 6, retryable: true },
  { fault: { kind: "status", status: 503 }, code: "overloaded", requests: 12, retryable: true },
  { fault: { kind: "reset mid-body" }, code: "connection_lost", requests: 6, retryable: true },
  { fault: { kind: "not a completion" }, code: "garbled_reply", requests: 3, retryable: true },
];
for (const { fault, code, requests, retryable } of LASTING) {
  const name = fault.kind === "status" ? `status ${fault.status} ${JSON.stringify(fault.headers ?? {})}` : fault.kind;
  test(`gives up for now on a server that has nothing but ${name}`, async () => {
    await using server = await openaiServer({ faults: () => fault });
    const { engine } = clientOf(server);
    const [reply] = await collected(engine, [line("a", question("What is it?"))]);
    assert.ok(reply?.outcome === "failed");
    assert.deepEqual([reply.failure.code, reply.failure.retryable, server.requests], [code, retryable, requests]);
    assert.ok(reply.failure.message.includes(server.baseUrl));
  });
}

test("sends nothing while the server wants a pause", async () => {
  await using server = await openaiServer({
    faults: ({ request }) =>
      request === 0 ? { kind: "status", status: 429, headers: { "retry-after": "30" } } : undefined,
  });
  const { engine, clock } = clientOf(server, { maxConcurrency: 1 });
  const replies = await collected(
    engine,
    ["a", "b"].map((id) => line(id, question(id))),
  );
  assert.deepEqual(
    replies.map(({ outcome }) => outcome),
    ["completed", "completed"],
  );
  assert.ok(clock.slept.some((ms) => ms >= 30_000));
});

test("serves a server that takes six requests at once without drowning it", async () => {
  await using server = await openaiServer({
    msPerToken: 0.5,
    faults: ({ inFlight }) => (inFlight > 6 ? { kind: "status", status: 429 } : undefined),
  });
  const { engine } = clientOf(server, { maxConcurrency: 64 });
  const replies = await collected(
    engine,
    Array.from({ length: 150 }, (_, at) => line(`id-${at}`, question(`question ${at}`))),
  );
  assert.equal(replies.filter(({ outcome }) => outcome === "completed").length, 150);
  assert.ok(server.faults < 75, `${server.faults} of ${server.requests} requests refused`);
  assert.ok(server.mostInFlight < 20, `${server.mostInFlight} at once`);
});

test("one wrong key costs a handful of calls, names its variable and does not show the key", async () => {
  await using server = await openaiServer({ server: { apiKeys: ["right"] } });
  const { engine } = clientOf(server, { apiKey: "wrong-and-secret" });
  const replies = await collected(
    engine,
    Array.from({ length: 500 }, (_, at) => line(`id-${at}`, question("?"))),
  );
  assert.equal(replies.length, 500);
  for (const reply of replies) {
    assert.ok(reply.outcome === "failed" && reply.failure.code === "key_refused" && !reply.failure.retryable);
    assert.match(reply.failure.message, /TEST_KEY/);
    assert.doesNotMatch(reply.failure.message, /wrong-and-secret/);
  }
  assert.ok(server.requests <= 8, `${server.requests} requests`);
});

test("asks again with the right key, and without one where the server wants none", async () => {
  await using locked = await openaiServer({ server: { apiKeys: ["right"] } });
  await using open = await openaiServer();
  const answers = [clientOf(locked, { apiKey: "right" }), clientOf(open)].map(({ engine }) =>
    collected(engine, [line("a", question("?"))]),
  );
  assert.deepEqual(
    (await Promise.all(answers)).flat().map(({ outcome }) => outcome),
    ["completed", "completed"],
  );
});

test("a forbidden prompt among good ones fails alone", async () => {
  await using server = await openaiServer({
    faults: ({ request }) => (request === 3 ? { kind: "status", status: 403 } : undefined),
  });
  const { engine } = clientOf(server, { maxConcurrency: 1 });
  const replies = await collected(
    engine,
    Array.from({ length: 8 }, (_, at) => line(`id-${at}`, question(`${at}`))),
  );
  assert.deepEqual(
    replies.map(({ outcome }) => outcome),
    replies.map((_, at) => (at === 3 ? "failed" : "completed")),
  );
});

test("a server that is gone is not asked forty thousand times", async () => {
  const gone = await openaiServer();
  await gone[Symbol.asyncDispose]();
  let calls = 0;
  const counting: typeof fetch = (...args) => {
    calls++;
    return fetch(...args);
  };
  const { engine } = clientOf(gone, { fetch: counting });
  const replies = await collected(
    engine,
    Array.from({ length: 1000 }, (_, at) => line(`id-${at}`, question("?"))),
  );
  assert.equal(replies.length, 1000);
  assert.ok(
    replies.every(
      (reply) => reply.outcome === "failed" && reply.failure.code === "not_connected" && reply.failure.retryable,
    ),
  );
  assert.match(JSON.stringify(replies[0]), /ECONNREFUSED/);
  assert.ok(calls <= 40, `${calls} calls`);
});

test("aborting closes what is in flight", async () => {
  await using server = await openaiServer({ msPerToken: 1000 });
  const { engine } = clientOf(server);
  const abort = new AbortController();
  setTimeout(() => abort.abort(), 100);
  for await (const _ of engine.run([line("a", question("?")), line("b", question("?"))], abort.signal))
    assert.fail("a reply came");
  while (server.engine.aborted < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(server.requests, 2);
});

test("runs that were aborted at any moment leave no place at the server occupied", async () => {
  await using server = await openaiServer({
    msPerToken: 0.2,
    faults: ({ request }) => (request % 3 === 0 ? { kind: "status", status: 429 } : undefined),
  });
  const { engine } = clientOf(server, { maxConcurrency: 2 });
  for (let at = 0; at < 40; at++) {
    const abort = new AbortController();
    setTimeout(() => abort.abort(), at / 2);
    const lines = Array.from({ length: 5 }, (_, of) => line(`${at} ${of}`, question(`${at} ${of}`)));
    for await (const _ of engine.run(lines, abort.signal)) if (at % 4 === 0) abort.abort();
  }
  const replies = await collected(
    engine,
    Array.from({ length: 10 }, (_, at) => line(`last ${at}`, question(`${at}`))),
  );
  assert.equal(replies.filter(({ outcome }) => outcome === "completed").length, 10);
});
