import assert from "node:assert/strict";
import { test } from "node:test";
import { InvalidDefinition, parseDefinition } from "../../../functions/adapters/asl/rules.ts";
import type { Json } from "../../../shared/ports/orchestrator.ts";
import { bench, invoke } from "./bench.ts";

type Fields = { [field: string]: Json };
const machine = (states: Fields, fields: Fields = {}) => ({
  QueryLanguage: "JSONata",
  StartAt: Object.keys(states)[0],
  States: states,
  ...fields,
});

function problems(definition: unknown): readonly string[] {
  try {
    parseDefinition(definition);
    return [];
  } catch (error) {
    assert.ok(error instanceof InvalidDefinition);
    return error.problems;
  }
}

const one = (state: Fields) => machine({ One: state });
const task = (fields: Fields) => one({ ...invoke("f"), End: true, ...fields });
const map = (fields: Fields, mode: Fields = { Mode: "INLINE" }) =>
  one({
    Type: "Map",
    ItemProcessor: { ProcessorConfig: mode, StartAt: "In", States: { In: { Type: "Succeed" } } },
    End: true,
    ...fields,
  });
const DISTRIBUTED = { Mode: "DISTRIBUTED", ExecutionType: "STANDARD" };

const refused: [string, unknown, RegExp][] = [
  [
    "an unknown field of a state",
    one({ Type: "Pass", ResultPath: "$.x", End: true }),
    /^States\.One\.ResultPath: this field is not known here$/,
  ],
  [
    "an unknown field of the machine",
    machine({ One: { Type: "Succeed" } }, { Extra: 1 }),
    /^Extra: this field is not known here$/,
  ],
  [
    "an unknown field of a retrier",
    task({ Retry: [{ ErrorEquals: ["A"], Backoff: 2 }] }),
    /^States\.One\.Retry\[0\]\.Backoff: this field/,
  ],
  [
    "an unknown field inside a map",
    map({ ItemProcessor: { StartAt: "In", States: { In: { Type: "Succeed", Next: "In" } } } }),
    /^States\.One\.ItemProcessor\.States\.In\.Next: this field/,
  ],
  ["another query language", machine({ One: { Type: "Succeed" } }, { QueryLanguage: "JSONPath" }), /^QueryLanguage: /],
  [
    "another query language of one state",
    one({ Type: "Succeed", QueryLanguage: "JSONPath" }),
    /^States\.One\.QueryLanguage: /,
  ],
  ["an unknown state type", one({ Type: "Loop" }), /^States\.One\.Type: /],
  ["an unknown resource", task({ Resource: "arn:aws:states:::sqs:sendMessage" }), /^States\.One\.Resource: /],
  [
    "an unknown reader",
    map(
      {
        ItemReader: {
          Resource: "arn:aws:states:::s3:getObject",
          ReaderConfig: { InputType: "CSV" },
          Arguments: { Bucket: "b", Key: "k" },
        },
      },
      DISTRIBUTED,
    ),
    /InputType: /,
  ],
  ["an express child", map({}, { Mode: "DISTRIBUTED", ExecutionType: "EXPRESS" }), /ExecutionType: /],
  ["a number where it may not be", task({ TimeoutSeconds: 0 }), /^States\.One\.TimeoutSeconds: /],
  ["a missing target", one({ Type: "Pass", Next: "Two" }), /^States\.One: leads to "Two", which is no state here$/],
  ["a missing target of a catcher", task({ Catch: [{ ErrorEquals: ["A"], Next: "Two" }] }), /leads to "Two"/],
  ["a missing start", { ...one({ Type: "Succeed" }), StartAt: "Two" }, /^StartAt: there is no state "Two"$/],
  ["neither Next nor End", one({ Type: "Pass" }), /^States\.One: needs either Next or End$/],
  [
    "Seconds and Timestamp",
    one({ Type: "Wait", Seconds: 1, Timestamp: "2026-01-01T00:00:00Z", End: true }),
    /either Seconds or Timestamp/,
  ],
  [
    "States.ALL in company",
    task({ Retry: [{ ErrorEquals: ["States.ALL", "A"] }] }),
    /^States\.One\.Retry\[0\]\.ErrorEquals: States\.ALL must stand alone$/,
  ],
  [
    "States.ALL before others",
    task({
      Catch: [
        { ErrorEquals: ["States.ALL"], Next: "One" },
        { ErrorEquals: ["A"], Next: "One" },
      ],
    }),
    /must be in the last entry/,
  ],
  [
    "an expression that is no JSONata",
    one({ Type: "Pass", Output: "{% 1 + %}", End: true }),
    /^States\.One\.Output: no JSONata: /,
  ],
  [
    "an expression in the middle of a text",
    one({ Type: "Pass", Output: "n = {% 1 %}", End: true }),
    /nothing around them/,
  ],
  ["$eval", one({ Type: "Pass", Output: "{% $eval('1') %}", End: true }), /\$eval does not exist/],
  [
    "a result writer of an inline map",
    map({ ToleratedFailureCount: 1 }),
    /^States\.One\.ToleratedFailureCount: only a DISTRIBUTED map has it$/,
  ],
  ["heartbeats nobody can send", task({ HeartbeatSeconds: 5 }), /only a waitForTaskToken task/],
  [
    "a heartbeat as long as the time-out",
    task({ Resource: "arn:aws:states:::lambda:invoke.waitForTaskToken", TimeoutSeconds: 5, HeartbeatSeconds: 5 }),
    /must be smaller/,
  ],
  [
    "two states of one name",
    machine({
      In: { Type: "Pass", Next: "Each" },
      Each: { Type: "Map", ItemProcessor: { StartAt: "In", States: { In: { Type: "Succeed" } } }, End: true },
    }),
    /^States\.In: another state has this name/,
  ],
  [
    "a variable called states",
    one({ Type: "Pass", Assign: { states: 1 }, End: true }),
    /Assign\.states: this name belongs/,
  ],
  [
    "a variable that hides a function",
    one({ Type: "Pass", Assign: { sum: 1 }, End: true }),
    /Assign\.sum: this name belongs/,
  ],
];
for (const [what, definition, expected] of refused) {
  test(`a definition with ${what} is refused, naming the place`, () => {
    const found = problems(definition);
    assert.ok(
      found.some((problem) => expected.test(problem)),
      found.join("\n") || "nothing was refused",
    );
  });
}

test("an inner scope may not assign a variable of the outer one, a distributed child may", () => {
  const inner = { StartAt: "In", States: { In: { Type: "Pass", Assign: { n: 2 }, End: true } } };
  const states = (ProcessorConfig: Fields) =>
    machine({
      Set: { Type: "Pass", Assign: { n: 1 }, Next: "Each" },
      Each: { Type: "Map", ItemProcessor: { ProcessorConfig, ...inner }, End: true },
    });
  assert.match(problems(states({ Mode: "INLINE" }))[0] ?? "", /"n" is assigned in an outer scope too/);
  assert.deepEqual(problems(states(DISTRIBUTED)), []);
});

test("all problems are told at once", () => {
  const found = problems(machine({ A: { Type: "Pass", Next: "X" }, B: { Type: "Pass", Output: "{% ( %}" } }));
  assert.equal(found.length, 3);
});

test("a function that nobody gave is told before the first start", () => {
  assert.throws(() => bench({ Call: { ...invoke("nobody"), End: true } }), /calls "nobody"/);
});
