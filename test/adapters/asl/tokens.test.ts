import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import type { Json } from "../../../shared/ports/orchestrator.ts";
import { bench, invoke, invokeAndWait, NamedError } from "./bench.ts";

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A machine of one waiting task, and the tokens its worker was given. */
function holding(fields: { [field: string]: Json } = {}, parts: Parameters<typeof bench>[1] = {}) {
  const tokens: string[] = [];
  const functions = {
    hold: async (payload: Json) => {
      tokens.push((payload as { token: string }).token);
    },
  };
  const states = { Hold: { ...invokeAndWait("hold"), ...fields, End: true } };
  const made = bench(states, { functions, ...parts });
  const tokenCount = async (count: number) => {
    while (tokens.length < count) await turn();
  };
  const waitForToken = async (count = 1) => {
    await (count === 1 ? tokenCount(1) : made.clock.run(tokenCount(count)));
    return tokens[count - 1]!;
  };
  return { ...made, tokens, waitForToken };
}

test("a success ends the task with its output, whatever the worker returned", async () => {
  const { orchestrator, waitForToken } = holding();
  const { executionId } = await orchestrator.start({ name: "run", input: {} });
  const token = await waitForToken();
  assert.deepEqual((await orchestrator.describe(executionId))?.currentStates, ["Hold"]);
  assert.deepEqual(await orchestrator.complete(token, { kind: "success", output: { n: 1 } }), { outcome: "accepted" });
  assert.deepEqual((await orchestrator.settled(executionId)).output, { n: 1 });
});

test("a failure fails the task with its own error and cause", async () => {
  const { orchestrator, waitForToken } = holding();
  const { executionId } = await orchestrator.start({ name: "run", input: {} });
  await orchestrator.complete(await waitForToken(), { kind: "failure", error: "Gpu.Lost", cause: "card 3" });
  assert.deepEqual((await orchestrator.settled(executionId)).error, { error: "Gpu.Lost", cause: "card 3" });
});

test("a worker may report before it returns", async () => {
  const { orchestrator } = bench(
    { Hold: { ...invokeAndWait("quick"), End: true } },
    {
      functions: {
        quick: async (payload) => {
          await orchestrator.complete((payload as { token: string }).token, { kind: "success", output: "at once" });
        },
      },
    },
  );
  const { executionId } = await orchestrator.start({ name: "run", input: {} });
  assert.equal((await orchestrator.settled(executionId)).output, "at once");
});

test("a worker that throws fails the task at once", async () => {
  const hold = async () => Promise.reject(new NamedError("Run.Paused"));
  const { orchestrator } = holding({}, { functions: { hold } });
  const { executionId } = await orchestrator.start({ name: "run", input: {} });
  assert.equal((await orchestrator.settled(executionId)).error?.error, "Run.Paused");
});

test("only the first report counts; late and unknown tokens are told so", async () => {
  const { orchestrator, waitForToken } = holding();
  const { executionId } = await orchestrator.start({ name: "run", input: {} });
  const token = await waitForToken();
  const reports = [1, 2].map((output) => orchestrator.complete(token, { kind: "success", output }));
  assert.deepEqual(await Promise.all(reports), [{ outcome: "accepted" }, { outcome: "not_waiting" }]);
  assert.equal((await orchestrator.settled(executionId)).output, 1);
  for (const late of [token, "unknown"]) {
    assert.deepEqual(await orchestrator.complete(late, { kind: "success", output: 3 }), { outcome: "not_waiting" });
    assert.deepEqual(await orchestrator.complete(late, { kind: "heartbeat" }), { outcome: "not_waiting" });
  }
});

test("without heartbeats a task fails with States.HeartbeatTimeout, with them it lives until TimeoutSeconds", async () => {
  const silent = holding({ TimeoutSeconds: 100, HeartbeatSeconds: 10 });
  const first = await silent.orchestrator.start({ name: "run", input: {} });
  const { error, startedAt, stoppedAt } = await silent.orchestrator.settled(first.executionId);
  assert.deepEqual([error?.error, stoppedAt! - startedAt], ["States.HeartbeatTimeout", 10_000]);

  const beating = holding({ TimeoutSeconds: 100, HeartbeatSeconds: 10 });
  const second = await beating.orchestrator.start({ name: "run", input: {} });
  const token = await beating.waitForToken();
  void (async () => {
    while ((await beating.orchestrator.complete(token, { kind: "heartbeat" })).outcome === "accepted")
      await beating.clock.sleep(7000);
  })();
  const ended = await beating.orchestrator.settled(second.executionId);
  assert.deepEqual([ended.error?.error, ended.stoppedAt! - ended.startedAt], ["States.Timeout", 100_000]);
});

test("silence is counted from the last heartbeat", async () => {
  const { clock, orchestrator, waitForToken } = holding({ TimeoutSeconds: 100, HeartbeatSeconds: 10 });
  const { executionId } = await orchestrator.start({ name: "run", input: {} });
  const token = await waitForToken();
  void clock.sleep(7000).then(() => orchestrator.complete(token, { kind: "heartbeat" }));
  const { error, startedAt, stoppedAt } = await orchestrator.settled(executionId);
  assert.deepEqual([error?.error, stoppedAt! - startedAt], ["States.HeartbeatTimeout", 17_000]);
});

test("a retry has a fresh token and the old one is void", async () => {
  const Retry = [{ ErrorEquals: ["States.Timeout"], MaxAttempts: 1 }];
  const { orchestrator, waitForToken } = holding({ TimeoutSeconds: 5, Retry });
  const { executionId } = await orchestrator.start({ name: "run", input: {} });
  const first = await waitForToken(1);
  const second = await waitForToken(2);
  assert.notEqual(first, second);
  assert.deepEqual(await orchestrator.complete(first, { kind: "success", output: "late" }), { outcome: "not_waiting" });
  await orchestrator.complete(second, { kind: "success", output: "in time" });
  assert.equal((await orchestrator.settled(executionId)).output, "in time");
});

test("a restart calls the worker again with the same token; a report that came before it counts without a call", async () => {
  const database = new DatabaseSync(":memory:");
  const before = holding({}, { database });
  const ids = await Promise.all(["a", "b"].map((name) => before.orchestrator.start({ name, input: name })));
  await before.waitForToken(2);
  await before.orchestrator.close();

  const after = holding({}, { database });
  assert.deepEqual(await after.orchestrator.complete(before.tokens[0]!, { kind: "success", output: "early" }), {
    outcome: "accepted",
  });
  assert.equal((await after.orchestrator.resume()).length, 2);
  assert.equal(await after.waitForToken(), before.tokens[1]);
  await after.orchestrator.complete(before.tokens[1]!, { kind: "success", output: "again" });
  const outputs = await Promise.all(
    ids.map(async ({ executionId }) => (await after.orchestrator.settled(executionId)).output),
  );
  assert.deepEqual(outputs, ["early", "again"]);
  assert.equal(after.tokens.length, 1);
});

test("starting an execution again under its name goes on with that one only; a closed orchestrator takes no reports", async () => {
  const database = new DatabaseSync(":memory:");
  const before = holding({}, { database });
  await before.orchestrator.start({ name: "a", input: {} });
  const { executionId: other } = await before.orchestrator.start({ name: "b", input: {} });
  const token = await before.waitForToken();
  await before.waitForToken(2);
  await before.orchestrator.close();
  assert.deepEqual(await before.orchestrator.complete(token, { kind: "success", output: 1 }), {
    outcome: "not_waiting",
  });

  const after = holding({}, { database });
  const { outcome, executionId } = await after.orchestrator.start({ name: "a", input: {} });
  assert.deepEqual([outcome, await after.waitForToken()], ["started", token]);
  await after.orchestrator.complete(token, { kind: "success", output: 2 });
  assert.equal((await after.orchestrator.settled(executionId)).output, 2);
  assert.equal(after.tokens.length, 1);
  await assert.rejects(after.orchestrator.settled(other), /nobody works on it/);
});

test("stopping voids the tokens, fires the workers' signals and keeps the reason", async () => {
  let signal: AbortSignal | undefined;
  const states = {
    Both: {
      Type: "Parallel",
      Branches: [
        { StartAt: "Hold", States: { Hold: { ...invokeAndWait("hold"), End: true } } },
        { StartAt: "Work", States: { Work: { ...invoke("work"), End: true } } },
      ],
      End: true,
    },
  };
  const made = holding(
    {},
    {
      definition: { QueryLanguage: "JSONata", StartAt: "Both", States: states },
      functions: {
        hold: async (payload) => {
          made.tokens.push((payload as { token: string }).token);
        },
        work: async (_, context) => {
          signal = context.signal;
          await new Promise(() => undefined);
        },
      },
    },
  );
  const { orchestrator } = made;
  const { executionId } = await orchestrator.start({ name: "run", input: {} });
  const token = await made.waitForToken();
  while (signal === undefined) await turn();
  assert.deepEqual((await orchestrator.describe(executionId))?.currentStates, ["Both", "Hold", "Work"]);
  assert.deepEqual(await orchestrator.stop(executionId, "enough"), { outcome: "stopped" });
  assert.equal(signal.aborted, true);
  assert.deepEqual(await orchestrator.complete(token, { kind: "success", output: 1 }), { outcome: "not_waiting" });
  const { status, error, currentStates } = await orchestrator.settled(executionId);
  assert.deepEqual([status, error, currentStates], ["ABORTED", { error: "Stopped", cause: "enough" }, []]);
});
