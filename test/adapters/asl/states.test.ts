import assert from "node:assert/strict";
import { test } from "node:test";
import type { Json } from "../../../shared/ports/orchestrator.ts";
import { ending, invoke, NamedError, result } from "./bench.ts";

test("Pass shapes its output and assigns variables that later states read", async () => {
  const states = {
    First: {
      Type: "Pass",
      Assign: { a: "{% $states.input.n + 1 %}" },
      Output: { kept: "{% $states.input.n %}" },
      Next: "Second",
    },
    Second: { Type: "Pass", Output: { a: "{% $a %}", input: "{% $states.input %}" }, End: true },
  };
  assert.deepEqual(await result(states, { n: 2 }), { a: 3, input: { kept: 2 } });
});

test("Output and Assign see the variables as they were before the state", async () => {
  const states = {
    First: { Type: "Pass", Assign: { n: 1 }, Next: "Second" },
    Second: { Type: "Pass", Assign: { n: "{% $n + 1 %}" }, Output: { before: "{% $n %}" }, Next: "Third" },
    Third: { Type: "Pass", Output: { before: "{% $states.input.before %}", after: "{% $n %}" }, End: true },
  };
  assert.deepEqual(await result(states), { before: 1, after: 2 });
});

test("the context object names execution, machine and state", async () => {
  const context =
    "{% [$states.context.Execution.Name, $states.context.Execution.Input.x, $states.context.StateMachine.Name, $states.context.State.Name] %}";
  assert.deepEqual(await result({ Look: { Type: "Pass", Output: context, End: true } }, { x: 7 }), [
    "run",
    7,
    "loop",
    "Look",
  ]);
});

test("AWS's own functions work", async () => {
  const Output = {
    parts: "{% $partition([1,2,3,4,5], 2) %}",
    up: "{% $range(0, 6, 3) %}",
    down: "{% $range(3, 1, -1) %}",
    hash: "{% $hash('abc', 'SHA-256') %}",
    parsed: "{% $parse('{\"a\":[1]}').a[0] %}",
    uuid: "{% $length($uuid()) %}",
    random: "{% $random(7) = $random(7) and $random() < 1 %}",
  };
  assert.deepEqual(await result({ Look: { Type: "Pass", Output, End: true } }), {
    parts: [[1, 2], [3, 4], [5]],
    up: [0, 3, 6],
    down: [3, 2, 1],
    hash: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    parsed: 1,
    uuid: 36,
    random: true,
  });
});

for (const [what, output] of [
  ["gives nothing", "{% $states.input.missing %}"],
  ["breaks", "{% 1 + 'x' %}"],
  ["asks for an unknown hash", "{% $hash('a', 'MD4') %}"],
] as const) {
  test(`an expression that ${what} fails with States.QueryEvaluationError`, async () => {
    assert.equal(
      await result({ Look: { Type: "Pass", Output: output, End: true } }),
      "FAILED States.QueryEvaluationError",
    );
  });
}

test("Choice takes the first condition that holds, else Default, each with its own Output and Assign", async () => {
  const states = (n: number): { [name: string]: Json } => ({
    Choose: {
      Type: "Choice",
      Choices: [
        { Condition: `{% ${n} > 10 %}`, Next: "End", Output: "big", Assign: { size: 1 } },
        { Condition: `{% ${n} > 5 %}`, Next: "End", Output: "middle", Assign: { size: 2 } },
      ],
      Output: "small",
      Assign: { size: 3 },
      Default: "End",
    },
    End: { Type: "Succeed", Output: ["{% $states.input %}", "{% $size %}"] },
  });
  assert.deepEqual(await Promise.all([20, 7, 1].map((n) => result(states(n)))), [
    ["big", 1],
    ["middle", 2],
    ["small", 3],
  ]);
});

test("Choice without a match, and with a condition that is no boolean, fail by AWS's names", async () => {
  const choose = (Condition: Json) => ({
    Choose: { Type: "Choice", Choices: [{ Condition, Next: "End" }] },
    End: { Type: "Succeed" },
  });
  assert.equal(await result(choose("{% false %}")), "FAILED States.NoChoiceMatched");
  assert.equal(await result(choose("{% 'yes' %}")), "FAILED States.QueryEvaluationError");
});

test("Wait sleeps for its seconds or up to its moment", async () => {
  const { startedAt, stoppedAt } = await ending(
    {
      Nap: { Type: "Wait", Seconds: "{% $states.input.seconds %}", Next: "Until" },
      Until: { Type: "Wait", Timestamp: "2026-11-23T01:00:00Z", End: true },
    },
    { seconds: 90 },
  );
  assert.equal(stoppedAt! - startedAt, 3_600_000);
});

test("Fail names its error and cause, also by expression", async () => {
  const failed = await ending(
    { Bad: { Type: "Fail", Error: "My.Error", Cause: "{% 'because of ' & $states.input.why %}" } },
    { why: "rain" },
  );
  assert.deepEqual([failed.status, failed.error], ["FAILED", { error: "My.Error", cause: "because of rain" }]);
});

test("Task gives lambda:invoke's answer as result; the worker gets the Payload", async () => {
  const task = { Call: { ...invoke("double"), Output: "{% $states.result %}", End: true } };
  const functions = { double: async (payload: Json) => ({ n: (payload as { n: number }).n * 2 }) };
  assert.deepEqual(await result(task, { n: 4 }, { functions }), {
    ExecutedVersion: "$LATEST",
    Payload: { n: 8 },
    StatusCode: 200,
  });
});

test("a worker's error keeps its name and says its message in the cause", async () => {
  const functions = {
    break: async () => {
      throw new NamedError("Disk.Full", "3 bytes left");
    },
  };
  const failed = await ending({ Call: { ...invoke("break"), End: true } }, {}, { functions });
  assert.equal(failed.error?.error, "Disk.Full");
  assert.deepEqual(JSON.parse(failed.error?.cause ?? ""), { errorType: "Disk.Full", errorMessage: "3 bytes left" });
});

test("Parallel runs branches on the same input and gives their outputs in order", async () => {
  const branch = (seconds: number, Output: Json) => ({
    StartAt: `Nap ${seconds}`,
    States: {
      [`Nap ${seconds}`]: { Type: "Wait", Seconds: seconds, Next: `Say ${seconds}` },
      [`Say ${seconds}`]: { Type: "Pass", Assign: { own: 1 }, Output, End: true },
    },
  });
  const states = {
    Set: { Type: "Pass", Assign: { outer: "seen" }, Next: "Both" },
    Both: {
      Type: "Parallel",
      Arguments: { n: 5 },
      Branches: [branch(5, "{% $states.input.n %}"), branch(1, "{% $outer %}")],
      End: true,
    },
  };
  assert.deepEqual(await result(states), [5, "seen"]);
});

test("Parallel fails with the first branch's error and interrupts the others", async () => {
  let late = 0;
  const functions = {
    late: async () => {
      late += 1;
    },
  };
  const slow = {
    StartAt: "Nap",
    States: { Nap: { Type: "Wait", Seconds: 100, Next: "Late" }, Late: { ...invoke("late"), End: true } },
  };
  const bad = { StartAt: "Bad", States: { Bad: { Type: "Fail", Error: "First" } } };
  const caught = {
    Both: { Type: "Parallel", Branches: [slow, bad], Catch: [{ ErrorEquals: ["First"], Next: "End" }], End: true },
    End: { Type: "Succeed" },
  };
  assert.deepEqual(await result(caught, {}, { functions }), { Error: "First", Cause: "" });
  assert.equal(late, 0);
});

test("an inline Map gives outputs in the items' order, with index and variables at hand", async () => {
  const states = {
    Set: { Type: "Pass", Assign: { rate: 10 }, Next: "Each" },
    Each: {
      Type: "Map",
      Items: "{% $states.input.items %}",
      ItemSelector: { value: "{% $states.context.Map.Item.Value %}", at: "{% $states.context.Map.Item.Index %}" },
      MaxConcurrency: 2,
      ItemProcessor: {
        ProcessorConfig: { Mode: "INLINE" },
        StartAt: "Nap",
        States: {
          Nap: { Type: "Wait", Seconds: "{% 10 - $states.input.value %}", Next: "Say" },
          Say: { Type: "Pass", Output: "{% $states.input.value * $rate + $states.input.at %}", End: true },
        },
      },
      End: true,
    },
  };
  assert.deepEqual(await result(states, { items: [3, 1, 2] }), [30, 11, 22]);
  assert.deepEqual(await result(states, { items: [] }), []);
  assert.equal(await result(states, { items: "none" }), "FAILED States.QueryEvaluationError");
});

test("Retry waits longer each time, up to its limit, and counts per retrier; the state sees its RetryCount", async () => {
  const seen: Json[] = [];
  const functions = {
    flaky: async (payload: Json) => {
      seen.push(payload);
      throw new NamedError(seen.length <= 4 ? "Busy" : "Other");
    },
  };
  const Retry = [
    { ErrorEquals: ["Busy"], IntervalSeconds: 2, BackoffRate: 3, MaxDelaySeconds: 10, MaxAttempts: 9 },
    { ErrorEquals: ["Other"], IntervalSeconds: 100, MaxAttempts: 1, JitterStrategy: "FULL" },
  ];
  const { startedAt, stoppedAt, error } = await ending(
    { Call: { ...invoke("flaky", "{% $states.context.State.RetryCount %}"), Retry, End: true } },
    {},
    { functions },
  );
  assert.deepEqual(seen, [0, 1, 2, 3, 4, 5]);
  assert.equal(stoppedAt! - startedAt, 1000 * (2 + 6 + 10 + 10 + 50));
  assert.equal(error?.error, "Other");
});

test("Catch gives the error to its Output and Assign", async () => {
  const functions = {
    break: async () => {
      throw new NamedError("Disk.Full");
    },
  };
  const Catch = [
    { ErrorEquals: ["Other"], Next: "Never" },
    {
      ErrorEquals: ["States.ALL"],
      Assign: { why: "{% $states.errorOutput.Error %}" },
      Output: { input: "{% $states.input %}" },
      Next: "End",
    },
  ];
  const states = {
    Call: { ...invoke("break"), Catch, End: true },
    Never: { Type: "Fail" },
    End: { Type: "Succeed", Output: ["{% $why %}", "{% $states.input.input %}"] },
  };
  assert.deepEqual(await result(states, 5, { functions }), ["Disk.Full", 5]);
});

test("a Task over its TimeoutSeconds fails with States.Timeout and its worker's signal fires", async () => {
  let aborted = false;
  const functions = {
    hang: (_: Json, { signal }: { signal: AbortSignal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => {
          aborted = true;
          reject(new Error("gone"));
        });
      }),
  };
  const { startedAt, stoppedAt, error } = await ending(
    { Call: { ...invoke("hang"), TimeoutSeconds: 30, End: true } },
    {},
    { functions },
  );
  assert.deepEqual([stoppedAt! - startedAt, error?.error, aborted], [30_000, "States.Timeout", true]);
});

test("a machine over its TimeoutSeconds ends as TIMED_OUT", async () => {
  const definition = {
    QueryLanguage: "JSONata",
    TimeoutSeconds: 60,
    StartAt: "Nap",
    States: { Nap: { Type: "Wait", Seconds: 61, End: true } },
  };
  const { startedAt, stoppedAt, status, error } = await ending({ Nap: {} }, {}, { definition });
  assert.deepEqual([status, error?.error, stoppedAt! - startedAt], ["TIMED_OUT", "States.Timeout", 60_000]);
});
