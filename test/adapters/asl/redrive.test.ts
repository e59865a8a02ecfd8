import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import type { Json } from "../../../shared/ports/orchestrator.ts";
import { type BenchParts, bench, invoke, invokeAndWait, NamedError } from "./bench.ts";

/** A worker that fails for the inputs in `failing`, and remembers whom it was called for. */
function worker(failing: Set<unknown>) {
  const calls: unknown[] = [];
  const work = async (payload: Json) => {
    calls.push(payload);
    if (failing.has(payload)) throw new NamedError("Worker.Broken", String(payload));
    return { did: payload };
  };
  return { calls, functions: { work } };
}

const twoTasks = {
  First: { ...invoke("work", "first"), Assign: { seen: "first" }, Next: "Second" },
  Second: { ...invoke("work", "second"), Output: "{% [$seen, $states.result.Payload] %}", End: true },
};

const mapOver = (mode: "INLINE" | "DISTRIBUTED", fields: { [field: string]: Json } = {}) => ({
  Work: {
    Type: "Map",
    ItemProcessor: {
      ProcessorConfig: mode === "INLINE" ? { Mode: mode } : { Mode: mode, ExecutionType: "STANDARD" },
      StartAt: "Pass on",
      States: { "Pass on": { Type: "Pass", Next: "Do" }, Do: { ...invoke("work"), End: true } },
    },
    End: true,
    ...fields,
  },
});

async function started(states: { [name: string]: Json }, input: Json, parts: BenchParts) {
  const made = bench(states, parts);
  const { executionId } = await made.orchestrator.start({ name: "run", input });
  const first = await made.orchestrator.settled(executionId);
  return { ...made, executionId, first };
}

test("a failed execution goes on from the state that failed, with its input and variables", async () => {
  const failing = new Set<unknown>(["second"]);
  const { calls, functions } = worker(failing);
  const { orchestrator, executionId, first } = await started(twoTasks, {}, { functions });
  assert.deepEqual([first.status, first.error?.error, first.currentStates], ["FAILED", "Worker.Broken", []]);
  failing.clear();
  assert.deepEqual(await orchestrator.redrive(executionId), { outcome: "redriven" });
  const { status, output, error, startedAt } = await orchestrator.settled(executionId);
  assert.deepEqual([status, output, error], ["SUCCEEDED", ["first", { did: "second" }], undefined]);
  assert.equal(startedAt, first.startedAt);
  assert.deepEqual(calls, ["first", "second", "second"]);
  const events = await orchestrator.history(executionId, { after: 0, limit: 1000 });
  assert.deepEqual(
    events.map(({ type }) => type).filter((type) => type.startsWith("Execution")),
    ["ExecutionStarted", "ExecutionFailed", "ExecutionRedriven", "ExecutionSucceeded"],
  );
  assert.deepEqual(
    events.map(({ id }) => id),
    events.map((_, at) => at + 1),
  );
});

for (const mode of ["INLINE", "DISTRIBUTED"] as const) {
  test(`only the items of a ${mode.toLowerCase()} map that failed or were cut off run again`, async () => {
    const failing = new Set<unknown>([3]);
    const { calls, functions } = worker(failing);
    const states = mapOver(mode, { MaxConcurrency: 1 });
    const { orchestrator, executionId, first } = await started(states, [1, 2, 3, 4], { functions });
    assert.deepEqual([first.status, calls], ["FAILED", [1, 2, 3]]);
    failing.clear();
    await orchestrator.redrive(executionId);
    const { output } = await orchestrator.settled(executionId);
    assert.deepEqual(
      output,
      [1, 2, 3, 4].map((did) => ({ did })),
    );
    assert.deepEqual(calls, [1, 2, 3, 3, 4]);
  });
}

test("failures a map tolerates are no failures: they are not run again after it has been left", async () => {
  const failing = new Set<unknown>([1, "second"]);
  const { calls, functions } = worker(failing);
  const states = {
    ...mapOver("DISTRIBUTED", { ToleratedFailureCount: 1, Output: {}, End: false, Next: "Second" }),
    Second: { ...invoke("work", "second"), End: true },
  };
  const { End, ...Work } = states.Work;
  const { orchestrator, executionId } = await started({ ...states, Work }, [1, 2], { functions });
  failing.clear();
  await orchestrator.redrive(executionId);
  assert.deepEqual((await orchestrator.settled(executionId)).output, { did: "second" });
  assert.deepEqual(calls, [1, 2, "second", "second"]);
});

test("retries are counted anew", async () => {
  const failing = new Set<unknown>(["task"]);
  const { calls, functions } = worker(failing);
  const Retry = [{ ErrorEquals: ["States.ALL"], MaxAttempts: 2 }];
  const { orchestrator, executionId } = await started(
    { Task: { ...invoke("work", "task"), Retry, End: true } },
    {},
    { functions },
  );
  assert.equal(calls.length, 3);
  await orchestrator.redrive(executionId);
  assert.equal((await orchestrator.settled(executionId)).status, "FAILED");
  assert.equal(calls.length, 6);
});

test("a stopped execution goes on with a fresh token; reports on the old one are refused", async () => {
  const tokens: string[] = [];
  const hold = async (payload: Json) => void tokens.push((payload as { token: string }).token);
  const { orchestrator } = bench({ Hold: { ...invokeAndWait("hold"), End: true } }, { functions: { hold } });
  const { executionId } = await orchestrator.start({ name: "run", input: {} });
  const tokenCount = async (count: number) => {
    while (tokens.length < count) await new Promise((resolve) => setImmediate(resolve));
  };
  await tokenCount(1);
  await orchestrator.stop(executionId, "too dear");
  await orchestrator.redrive(executionId);
  await tokenCount(2);
  assert.deepEqual(await orchestrator.complete(tokens[0]!, { kind: "success", output: "old" }), {
    outcome: "not_waiting",
  });
  await orchestrator.complete(tokens[1]!, { kind: "success", output: "new" });
  assert.equal((await orchestrator.settled(executionId)).output, "new");
});

test("the time of the whole machine begins anew", async () => {
  const { clock, orchestrator, executionId, first } = await started(
    {},
    {},
    {
      functions: { never: () => new Promise(() => undefined) },
      definition: {
        QueryLanguage: "JSONata",
        StartAt: "Wait",
        TimeoutSeconds: 100,
        States: { Wait: { ...invoke("never"), End: true } },
      },
    },
  );
  assert.deepEqual([first.status, first.stoppedAt! - first.startedAt], ["TIMED_OUT", 100_000]);
  await clock.run(clock.sleep(50_000));
  const redrivenAt = clock.now();
  await orchestrator.redrive(executionId);
  const { status, stoppedAt } = await orchestrator.settled(executionId);
  assert.deepEqual([status, stoppedAt! - redrivenAt], ["TIMED_OUT", 100_000]);
});

test("an error that was caught is no longer there to go on from: the Fail state fails again", async () => {
  const { calls, functions } = worker(new Set(["task"]));
  const Catch = [{ ErrorEquals: ["States.ALL"], Next: "Give up" }];
  const { orchestrator, executionId } = await started(
    { Task: { ...invoke("work", "task"), Catch, End: true }, "Give up": { Type: "Fail", Error: "Gave.Up" } },
    {},
    { functions },
  );
  await orchestrator.redrive(executionId);
  assert.equal((await orchestrator.settled(executionId)).error?.error, "Gave.Up");
  assert.deepEqual(calls, ["task"]);
});

test("a crash in the middle of a redrive is one like any other", async () => {
  const database = new DatabaseSync(":memory:");
  const failing = new Set<unknown>([2]);
  const { calls, functions } = worker(failing);
  const states = mapOver("DISTRIBUTED", { MaxConcurrency: 1 });
  const { orchestrator, executionId } = await started(states, [1, 2], { functions, database });
  await orchestrator.redrive(executionId);
  await orchestrator.close();
  failing.clear();
  const after = bench(states, { functions, database });
  assert.deepEqual(await after.orchestrator.resume(), [executionId]);
  assert.deepEqual((await after.orchestrator.settled(executionId)).output, [{ did: 1 }, { did: 2 }]);
  assert.equal(calls.filter((input) => input === 1).length, 1);
});

test("what runs, succeeded, is unknown or ended 14 days ago is not redriven, and told why", async () => {
  const { functions } = worker(new Set(["second"]));
  const { clock, orchestrator, executionId } = await started(twoTasks, {}, { functions });
  assert.deepEqual(await orchestrator.redrive("loop:unknown"), { outcome: "unknown_execution" });
  await orchestrator.redrive(executionId);
  assert.deepEqual(await orchestrator.redrive(executionId), {
    outcome: "not_redrivable",
    reason: "the execution is running",
  });
  await orchestrator.settled(executionId);
  await clock.run(clock.sleep(14 * 24 * 3600 * 1000 + 1));
  assert.deepEqual(await orchestrator.redrive(executionId), {
    outcome: "not_redrivable",
    reason: "the execution ended more than 14 days ago",
  });
  const good = await started({ Pass: { Type: "Pass", End: true } }, {}, {});
  assert.deepEqual(await good.orchestrator.redrive(good.executionId), {
    outcome: "not_redrivable",
    reason: "the execution succeeded",
  });
});

test("what a redrive would need is forgotten after success, and 14 days after any other end", async () => {
  const database = new DatabaseSync(":memory:");
  const failing = new Set<unknown>([1]);
  const { functions } = worker(failing);
  const frames = () => database.prepare("SELECT count(*) AS n FROM asl_frame").get()!["n"];
  const { clock, orchestrator, executionId } = await started(mapOver("INLINE"), [1], { functions, database });
  assert.equal(frames(), 2);
  failing.clear();
  await orchestrator.redrive(executionId);
  await orchestrator.settled(executionId);
  assert.equal(frames(), 0);
  failing.add(1);
  const second = await orchestrator.start({ name: "second", input: [1] });
  await orchestrator.settled(second.executionId);
  assert.equal(frames(), 2);
  await clock.run(clock.sleep(15 * 24 * 3600 * 1000));
  const third = await orchestrator.start({ name: "third", input: [2] });
  await orchestrator.settled(third.executionId);
  assert.equal(frames(), 0);
});
