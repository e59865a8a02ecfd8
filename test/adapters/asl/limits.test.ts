import assert from "node:assert/strict";
import { test } from "node:test";
import { errorMatches } from "../../../functions/adapters/asl/errors.ts";
import { withinVariables } from "../../../functions/adapters/asl/limits.ts";
import type { Json } from "../../../shared/ports/orchestrator.ts";
import { bench, ending, invoke, invokeAndWait, result } from "./bench.ts";

const KIB = 1024;
/** A text whose JSON has exactly this many bytes. */
const text = (bytes: number) => "x".repeat(bytes - 2);
const LIMIT = 256 * KIB;
const big = { big: async () => text(LIMIT + 1) };

test("a state's output of 256 KiB passes and one byte more fails with States.DataLimitExceeded", async () => {
  const make = (length: number) => ({
    Make: { Type: "Pass", Output: `{% $pad('', ${length}, 'x') %}`, Next: "End" },
    End: { Type: "Succeed", Output: 1 },
  });
  assert.equal(await result(make(LIMIT - 2)), 1);
  assert.equal(await result(make(LIMIT - 1)), "FAILED States.DataLimitExceeded");
});

test("a worker's answer above 256 KiB fails, and States.ALL does not catch it, its own name does", async () => {
  const guarded = (name: string) => ({
    Call: { ...invoke("big"), Output: 1, Catch: [{ ErrorEquals: [name], Output: "caught", Next: "End" }], End: true },
    End: { Type: "Succeed" },
  });
  assert.equal(await result(guarded("States.ALL"), {}, { functions: big }), "FAILED States.DataLimitExceeded");
  assert.equal(await result(guarded("States.DataLimitExceeded"), {}, { functions: big }), "caught");
});

test("the outputs of an inline map above 256 KiB together fail", async () => {
  const Output = `{% $pad('', ${100 * KIB}, 'x') %}`;
  const each = {
    Each: {
      Type: "Map",
      ItemProcessor: { StartAt: "Make", States: { Make: { Type: "Pass", Output, End: true } } },
      Output: 1,
      End: true,
    },
  };
  assert.equal(await result(each, [1, 2]), 1);
  assert.equal(await result(each, [1, 2, 3]), "FAILED States.DataLimitExceeded");
});

test("a start with more than 256 KiB of input is refused, and so is a token's report, whose task still waits", async () => {
  let token = "";
  const functions = {
    hold: async (payload: Json) => {
      token = (payload as { token: string }).token;
    },
  };
  const { orchestrator } = bench({ Hold: { ...invokeAndWait("hold"), End: true } }, { functions });
  await assert.rejects(orchestrator.start({ name: "big", input: text(LIMIT + 1) }), /262144 bytes/);
  const { executionId } = await orchestrator.start({ name: "run", input: {} });
  while (token === "") await new Promise(setImmediate);
  assert.deepEqual(await orchestrator.complete(token, { kind: "success", output: text(LIMIT + 1) }), {
    outcome: "too_large",
  });
  assert.deepEqual(await orchestrator.complete(token, { kind: "success", output: "small" }), { outcome: "accepted" });
  assert.equal((await orchestrator.settled(executionId)).output, "small");
});

test("one Assign holds at most 256 KiB, all variables together 10 MiB", async () => {
  const made = `{% $pad('', ${250 * KIB}, 'x') %}`;
  const once = (assigned: Json) => ({
    Set: { Type: "Pass", Assign: assigned, Output: 1, Next: "End" },
    End: { Type: "Succeed" },
  });
  assert.equal(await result(once({ a: made })), 1);
  assert.equal(await result(once({ a: made, b: made })), "FAILED States.DataLimitExceeded");
  const tenMiB = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`v${n}`, text(255 * KIB)]));
  assert.equal(Object.keys(withinVariables(tenMiB, { small: 1 })).length, 41);
  assert.throws(() => withinVariables(tenMiB, { b: text(200 * KIB) }), { name: "States.DataLimitExceeded" });
});

test("an execution fails at 25,000 history events", async () => {
  const states = {
    Count: { Type: "Pass", Assign: { n: 0 }, Next: "Turn" },
    Turn: { Type: "Pass", Assign: { n: "{% $n + 1 %}" }, Next: "Again" },
    Again: { Type: "Choice", Choices: [{ Condition: "{% $n < 20000 %}", Next: "Turn" }], Default: "End" },
    End: { Type: "Succeed" },
  };
  const { orchestrator } = bench(states);
  const { executionId } = await orchestrator.start({ name: "run", input: {} });
  const { error } = await orchestrator.settled(executionId);
  assert.equal(error?.error, "States.Runtime");
  const last = await orchestrator.history(executionId, { after: 24_990, limit: 100 });
  assert.deepEqual([last.at(-1)?.type, last.at(-1)!.id <= 25_000], ["ExecutionFailed", true]);
});

const matches: [string[], string, boolean][] = [
  [["A"], "A", true],
  [["A"], "B", false],
  [["States.ALL"], "Anything", true],
  [["States.ALL"], "States.Timeout", true],
  [["States.ALL"], "States.DataLimitExceeded", false],
  [["States.DataLimitExceeded"], "States.DataLimitExceeded", true],
  [["States.ALL", "States.Runtime"], "States.Runtime", false],
  [["States.TaskFailed"], "Anything", true],
  [["States.TaskFailed"], "States.Timeout", false],
  [["States.Timeout"], "States.HeartbeatTimeout", true],
  [["States.HeartbeatTimeout"], "States.Timeout", false],
];
for (const [names, error, expected] of matches) {
  test(`ErrorEquals ${names.join("|")} ${expected ? "covers" : "does not cover"} ${error}`, () => {
    assert.equal(errorMatches(names, error), expected);
  });
}

test("an unmatched error of a distributed child is not hidden by its parent's history", async () => {
  const ItemProcessor = {
    ProcessorConfig: { Mode: "DISTRIBUTED", ExecutionType: "STANDARD" },
    StartAt: "Bad",
    States: { Bad: { Type: "Fail", Error: "Deep", Cause: "down here" } },
  };
  const { error } = await ending({ Work: { Type: "Map", ItemProcessor, End: true } }, [1]);
  assert.match(error?.cause ?? "", /1 of 1 items failed.*Deep: down here/);
});
