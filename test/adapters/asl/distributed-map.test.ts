import assert from "node:assert/strict";
import { test } from "node:test";
import type { Json } from "../../../shared/ports/orchestrator.ts";
import { bench, ending, invoke, memoryObjects, NamedError, type Objects, result } from "./bench.ts";

const child = (states: { [name: string]: Json }): { [field: string]: Json } => ({
  ProcessorConfig: { Mode: "DISTRIBUTED", ExecutionType: "STANDARD" },
  StartAt: Object.keys(states)[0]!,
  States: states,
});
const map = (states: { [name: string]: Json }, fields: { [field: string]: Json } = {}): { [name: string]: Json } => ({
  Work: { Type: "Map", ItemProcessor: child(states), ...fields, End: true },
});
const reader = (config: { [field: string]: Json } = {}): { [field: string]: Json } => ({
  ItemReader: {
    Resource: "arn:aws:states:::s3:getObject",
    ReaderConfig: { InputType: "JSONL", ...config },
    Arguments: { Bucket: "b", Key: "{% $states.input.key %}" },
  },
});
const writer: { [field: string]: Json } = {
  ResultWriter: {
    Resource: "arn:aws:states:::s3:putObject",
    Arguments: { Bucket: "b", Prefix: "out" },
    WriterConfig: { OutputType: "JSONL", Transformation: "COMPACT" },
  },
};
const echo = { Say: { Type: "Pass", End: true } };
const failOdd = {
  Odd: { Type: "Choice", Choices: [{ Condition: "{% $states.input % 2 = 1 %}", Next: "Bad" }], Default: "Good" },
  Bad: { Type: "Fail", Error: "Odd", Cause: "{% $string($states.input) %}" },
  Good: { Type: "Succeed" },
};

test("items come from a JSONL object, shaped by the selector", async () => {
  const objectsMap: Objects = new Map([["b/in.jsonl", '{"id":1}\n{"id":2}\n\n{"id":3}\n']]);
  const ItemSelector = { id: "{% $states.context.Map.Item.Value.id %}", key: "{% $states.input.key %}" };
  const states = map(echo, { ...reader({ MaxItems: 2 }), ItemSelector });
  assert.deepEqual(await result(states, { key: "in.jsonl" }, { objectsMap }), [
    { id: 1, key: "in.jsonl" },
    { id: 2, key: "in.jsonl" },
  ]);
});

test("a missing object and a line that is no JSON fail with States.ItemReaderFailed", async () => {
  const objectsMap: Objects = new Map([["b/bad.jsonl", '{"id":1}\n{id:2}\n']]);
  const errors = await Promise.all(
    ["none", "bad.jsonl"].map((key) => ending(map(echo, reader()), { key }, { objectsMap })),
  );
  assert.deepEqual(
    errors.map(({ error }) => error?.error),
    ["States.ItemReaderFailed", "States.ItemReaderFailed"],
  );
  assert.match(errors[1]!.error!.cause, /line 2 is no JSON/);
});

test("selected items are put into batches by number and by bytes", async () => {
  const batch = (ItemBatcher: Json) =>
    result(map(echo, { ItemSelector: "{% $states.context.Map.Item.Value %}", ItemBatcher }), ["aa", "bb", "cc"]);
  assert.deepEqual(await batch({ MaxItemsPerBatch: 2, BatchInput: { x: 1 } }), [
    { BatchInput: { x: 1 }, Items: ["aa", "bb"] },
    { BatchInput: { x: 1 }, Items: ["cc"] },
  ]);
  assert.deepEqual(await batch({ MaxInputBytesPerBatch: 11 }), [{ Items: ["aa", "bb"] }, { Items: ["cc"] }]);
});

test("children are executions of their own and see no variables of the parent", async () => {
  const states = {
    Set: { Type: "Pass", Assign: { secret: 1 }, Next: "Work" },
    ...map({ Look: { Type: "Pass", Output: "{% $exists($secret) %}", End: true } }),
  };
  assert.deepEqual(await result(states, [0]), [false]);
});

for (const [what, threshold, expected] of [
  ["without a threshold one failure is too many", {}, "FAILED States.ExceedToleratedFailureThreshold"],
  ["2 of 5 pass a count of 2", { ToleratedFailureCount: 2 }, "tolerated"],
  ["2 of 5 exceed a count of 1", { ToleratedFailureCount: 1 }, "FAILED States.ExceedToleratedFailureThreshold"],
  ["2 of 5 pass 40 %", { ToleratedFailurePercentage: 40 }, "tolerated"],
  ["2 of 5 exceed 39 %", { ToleratedFailurePercentage: "{% 39 %}" }, "FAILED States.ExceedToleratedFailureThreshold"],
] as const) {
  test(`failed items are tolerated up to the threshold: ${what}`, async () => {
    const output = await result(map(failOdd, threshold), [0, 1, 2, 3, 4]);
    const failed = (Cause: string) => ({ Status: "FAILED", Error: "Odd", Cause });
    assert.deepEqual(output, expected === "tolerated" ? [0, failed("1"), 2, failed("3"), 4] : expected);
  });
}

test("the result writer puts outputs and failures into objects and only a pointer into the payload", async () => {
  const objectsMap: Objects = new Map();
  const output = (await result(map(failOdd, { ToleratedFailureCount: 9, ...writer }), [0, 1, 2], { objectsMap })) as {
    [field: string]: { [field: string]: string };
  };
  const manifest = JSON.parse(objectsMap.get(`b/${output["ResultWriterDetails"]!["Key"]}`)!);
  const contentOf = (status: string) => objectsMap.get(`b/${manifest.ResultFiles[status][0].Key}`);
  assert.equal(contentOf("SUCCEEDED"), "0\n2\n");
  assert.equal(contentOf("FAILED"), '{"Status":"FAILED","Error":"Odd","Cause":"1"}\n');
  assert.deepEqual(manifest.ResultFiles.PENDING, []);
});

test("a result writer that cannot write fails with States.ResultWriterFailed", async () => {
  const objects = { ...memoryObjects(new Map()), writeObject: async () => Promise.reject(new Error("denied")) };
  assert.equal(await result(map(echo, writer), [1], { objects }), "FAILED States.ResultWriterFailed");
});

test("never more than MaxConcurrency children run at once", async () => {
  let now = 0;
  let most = 0;
  const { clock, orchestrator } = bench(
    map({ Call: { ...invoke("work"), End: true } }, { MaxConcurrency: "{% 3 %}" }),
    {
      functions: {
        work: async (payload) => {
          now += 1;
          most = Math.max(most, now);
          await clock.sleep(Number(payload));
          now -= 1;
        },
      },
    },
  );
  const { executionId } = await orchestrator.start({ name: "run", input: [5, 1, 9, 2, 2, 8, 1, 1] });
  assert.equal((await orchestrator.settled(executionId)).status, "SUCCEEDED");
  assert.equal(most, 3);
});

test("a retried Map works on all items again", async () => {
  const calls: Json[] = [];
  const functions = {
    work: async (payload: Json) => {
      calls.push(payload);
      if (calls.length === 2) throw new NamedError("Once");
    },
  };
  const Retry = [{ ErrorEquals: ["States.ExceedToleratedFailureThreshold"], MaxAttempts: 1 }];
  const states = map(
    { Call: { ...invoke("work"), Output: "{% $states.input %}", End: true } },
    { MaxConcurrency: 1, Retry },
  );
  assert.deepEqual(await result(states, ["a", "b", "c"], { functions }), ["a", "b", "c"]);
  assert.deepEqual(calls, ["a", "b", "a", "b", "c"]);
});

test("a thousand children leave six events in the parent's history", async () => {
  const { orchestrator } = bench(map(echo, writer));
  const { executionId } = await orchestrator.start({ name: "run", input: Array.from({ length: 1000 }, (_, n) => n) });
  await orchestrator.settled(executionId);
  const types = (await orchestrator.history(executionId, { after: 0, limit: 100 })).map(({ type }) => type);
  assert.deepEqual(types, [
    "ExecutionStarted",
    "MapStateEntered",
    "MapStateStarted",
    "MapRunStarted",
    "MapRunSucceeded",
    "MapStateExited",
    "ExecutionSucceeded",
  ]);
});
