import assert from "node:assert/strict";
import { test } from "node:test";
import { openStepFunctionsClient } from "../../../functions/adapters/step-functions/client.ts";
import { stepFunctionsOrchestrator } from "../../../functions/adapters/step-functions/orchestrator.ts";
import type { HistoryEvent, Json } from "../../../shared/ports/orchestrator.ts";
import { contractDefinition } from "../../contract/orchestrator.ts";
import { type Fault, firstTimes } from "../../support/fault-proxy.ts";
import { heldTokens } from "../../support/held-tokens.ts";
import { invokeAndWait } from "../asl/bench.ts";
import { withStepFunctions } from "./bench.ts";

const machine = (states: { [name: string]: Json }) => ({
  QueryLanguage: "JSONata",
  StartAt: Object.keys(states)[0]!,
  States: states,
});
const throttled: Fault = {
  kind: "answer",
  status: 400,
  type: "application/x-amz-json-1.0",
  body: '{"__type":"ThrottlingException","message":"Rate exceeded"}',
};
const anything = () => true;

/** Counts to n; every turn of the loop is four events. */
const counting = machine({
  Count: { Type: "Pass", Assign: { n: "{% $states.input.n %}" }, Next: "More?" },
  "More?": {
    Type: "Choice",
    Choices: [{ Condition: "{% $n > 0 %}", Assign: { n: "{% $n - 1 %}" }, Next: "Turn" }],
    Default: "Done",
  },
  Turn: { Type: "Pass", Next: "More?" },
  Done: { Type: "Succeed" },
});

test("throttled and unanswered requests are repeated, and repeating them does nothing twice", async () => {
  const { hold, tokenOf } = heldTokens();
  const parts = { definition: contractDefinition("hold"), functions: { hold } };
  await withStepFunctions(parts, async ({ orchestrator, proxy, server }) => {
    proxy.breakWith(firstTimes(2, anything, throttled));
    const run = { name: "run", input: { do: "hold" } };
    const { outcome, executionId } = await orchestrator.start(run);
    assert.deepEqual([outcome, proxy.asked.length], ["started", 3]);
    proxy.breakWith(firstTimes(1, anything, { kind: "lose_reply" }));
    assert.equal((await orchestrator.start(run)).outcome, "started");
    proxy.breakWith(firstTimes(1, anything, { kind: "lose_reply" }));
    assert.deepEqual(await orchestrator.complete(await tokenOf("run"), { kind: "success", output: 1 }), {
      outcome: "not_waiting",
    });
    assert.equal((await orchestrator.describe(executionId))?.output, 1, "the lost report counted");
    assert.deepEqual(server.asked.slice(0, 3), ["StartExecution", "StartExecution", "StartExecution"]);
  });
});

test("a service that stays busy ends in its own error", async () => {
  await withStepFunctions({ definition: counting }, async ({ fresh, proxy }) => {
    proxy.breakWith(() => throttled);
    await assert.rejects(fresh({ attempts: 2 }).start({ name: "run", input: {} }), { name: "ThrottlingException" });
    assert.equal(proxy.asked.length, 2);
  });
});

test("a long history comes in pages, and reading on costs one request", async () => {
  await withStepFunctions({ definition: counting }, async ({ orchestrator, local, server, fresh }) => {
    const { executionId } = await orchestrator.start({ name: "run", input: { n: 1000 } });
    await local.settled("loop:run");
    const all: HistoryEvent[] = [];
    const cost: number[] = [];
    for (let page: HistoryEvent[]; ; all.push(...page)) {
      const before = server.asked.length;
      page = await orchestrator.history(executionId, { after: all.length, limit: 700 });
      cost.push(server.asked.length - before);
      if (page.length === 0) break;
    }
    const own = await local.history("loop:run", { after: 0, limit: 1000 });
    const told = ({ id, at, type, state }: HistoryEvent) => ({ id, at, type, state });
    assert.deepEqual(all.slice(0, 1000).map(told), own.map(told));
    assert.deepEqual(
      all.map(({ id }) => id),
      all.map((_, at) => at + 1),
    );
    assert.equal(all.length, 4008);
    assert.ok(Math.max(...cost) <= 2, `requests a page: ${cost}`);
    assert.deepEqual(await fresh().history(executionId, { after: 3333, limit: 50 }), all.slice(3333, 3383));
    server.expireTokens();
    assert.deepEqual(await orchestrator.history(executionId, { after: 3333, limit: 50 }), all.slice(3333, 3383));
  });
});

test("states that are open are told from the newest events alone, those in branches and inline maps with them", async () => {
  const inline = { Mode: "INLINE" };
  const hold = { ...invokeAndWait("hold"), End: true };
  const definition = machine({
    ...counting.States,
    Done: {
      Type: "Parallel",
      Branches: [
        { StartAt: "Pass by", States: { "Pass by": { Type: "Pass", Next: "Left" }, Left: hold } },
        {
          StartAt: "Each",
          States: {
            Each: {
              Type: "Map",
              Items: [1, 2, 3],
              ItemProcessor: { ProcessorConfig: inline, StartAt: "Item", States: { Item: hold } },
              End: true,
            },
          },
        },
      ],
      End: true,
    },
  });
  let calls = 0;
  const functions = { hold: async () => void calls++ };
  await withStepFunctions({ definition, functions }, async ({ orchestrator, local, server }) => {
    const { executionId } = await orchestrator.start({ name: "run", input: { n: 600 } });
    while (calls < 4) await new Promise((resolve) => setImmediate(resolve));
    const states = (await orchestrator.describe(executionId))?.currentStates;
    assert.deepEqual(states?.toSorted(), ["Done", "Each", "Item", "Left"]);
    assert.deepEqual(states?.toSorted(), (await local.describe("loop:run"))?.currentStates.toSorted());
    const before = server.asked.length;
    await orchestrator.describe(executionId);
    assert.deepEqual(server.asked.slice(before), ["DescribeExecution", "GetExecutionHistory"]);
  });
});

test("a reason and a cause longer than Step Functions takes say what is missing", async () => {
  const { hold, tokenOf } = heldTokens();
  const parts = { definition: contractDefinition("hold"), functions: { hold } };
  await withStepFunctions(parts, async ({ orchestrator }) => {
    const long = "x".repeat(40_000);
    const stopped = await orchestrator.start({ name: "a", input: { do: "hold" } });
    assert.deepEqual(await orchestrator.stop(stopped.executionId, long), { outcome: "stopped" });
    const failed = await orchestrator.start({ name: "b", input: { do: "hold" } });
    const token = await tokenOf("b");
    await orchestrator.complete(token, { kind: "failure", error: "E".repeat(300), cause: long });
    for (const { executionId } of [stopped, failed]) {
      const { cause, error } = (await orchestrator.describe(executionId))!.error!;
      assert.ok(cause.length <= 32_768 && error.length <= 256);
      assert.match(cause, /^x+ \[… 7232 characters and more left out\]$/);
    }
  });
});

test("tokens no service gives out, inputs that are too large and other ARNs are refused before anything is sent", async () => {
  await withStepFunctions({ definition: counting }, async ({ orchestrator, server }) => {
    for (const token of ["", "x".repeat(2049)])
      assert.deepEqual(await orchestrator.complete(token, { kind: "heartbeat" }), { outcome: "not_waiting" });
    const input = { text: "ü".repeat(128 * 1024) };
    await assert.rejects(orchestrator.start({ name: "run", input }), /more than 262144 bytes: put it into an object/);
    assert.deepEqual(server.asked, []);
    assert.deepEqual(await orchestrator.describe("no arn"), undefined);
    assert.deepEqual(await orchestrator.history("no arn", { after: 0, limit: 1 }), []);
    const client = openStepFunctionsClient({ region: "us-east-1" });
    const machineArn = `${server.machineArn}:3`;
    assert.throws(() => stepFunctionsOrchestrator({ client, machineArn }), /machineArn is ".*:loop:3": give arn:/);
  });
});

test("a request Step Functions refuses for another reason is an error with its name", async () => {
  await withStepFunctions({ definition: counting }, async ({ orchestrator }) => {
    await assert.rejects(orchestrator.start({ name: "no spaces", input: {} }), { name: "InvalidName" });
  });
});
