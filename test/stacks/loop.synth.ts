import assert from "node:assert/strict";
import { test } from "node:test";
import aslValidator from "asl-validator";
import { loopDefinition } from "../../shared/loop.ts";
import { SWEEP_MINUTES } from "../../stacks/plan.ts";
import { ACCOUNT, ofKind, only, rights, statementsOf, synthesis } from "../support/synthesis.ts";

const made = synthesis();
const machine = only(made, "sfn/stateMachine");
const definition = JSON.parse(String(machine["definition"])) as object;
const arnOf = (worker: string) => `arn:aws:lambda:us-east-1:${ACCOUNT}:function:rlaifv-ci-${worker}`;
const called = [
  ...new Set([...JSON.stringify(definition).matchAll(/function:rlaifv-ci-([a-z]+)"/g)].map(([, name]) => name!)),
];

test("the machine runs the loop's definition with the deployed functions and bucket", () => {
  const functions = Object.fromEntries(called.map((worker) => [worker, arnOf(worker)])) as Parameters<
    typeof loopDefinition
  >[0]["functions"];
  const bucket = String(only(made, "s3/bucket")["bucket"]);
  assert.deepEqual(definition, JSON.parse(JSON.stringify(loopDefinition({ functions, bucket }))));
});

test("asl-validator finds nothing wrong with it", () => {
  const { isValid, errorsText } = aslValidator(definition);
  assert.ok(isValid, errorsText("\n"));
});

test("it is a standard machine that logs errors without data, and is traced", () => {
  assert.equal(machine["type"], "STANDARD");
  assert.deepEqual(machine["loggingConfiguration"], {
    level: "ERROR",
    includeExecutionData: false,
    logDestination: `arn:aws:logs:us-east-1:${ACCOUNT}:log-group:/aws/vendedlogs/states/rlaifv-ci-loop:*`,
  });
  assert.deepEqual(machine["tracingConfiguration"], { enabled: true });
});

test("it may invoke exactly the functions that its definition calls", () => {
  const invoke = rights(made)
    .get("LoopPolicy")!
    .filter(({ Action }) => Action.includes("lambda:InvokeFunction"));
  assert.deepEqual(invoke.flatMap(({ Resource }) => Resource).sort(), called.map(arnOf).sort());
});

test("its maps may run children of the machine itself, read manifests and write results", () => {
  const bucket = String(only(made, "s3/bucket")["bucket"]);
  const policy = rights(made).get("LoopPolicy")!;
  const at = (action: string) =>
    policy.filter(({ Action }) => Action.includes(action)).flatMap(({ Resource }) => Resource);
  assert.deepEqual(at("states:StartExecution"), [`arn:aws:states:us-east-1:${ACCOUNT}:stateMachine:rlaifv-ci-loop`]);
  const executions = [":*", "/*"].map((end) => `arn:aws:states:us-east-1:${ACCOUNT}:execution:rlaifv-ci-loop${end}`);
  for (const action of ["DescribeExecution", "StopExecution", "RedriveExecution"]) {
    assert.deepEqual(at(`states:${action}`), executions);
  }
  assert.deepEqual(at("s3:PutObject"), [`arn:aws:s3:::${bucket}/runs/*/maps/*`]);
  assert.deepEqual(
    at("s3:GetObject"),
    ["passes", "maps"].map((folder) => `arn:aws:s3:::${bucket}/runs/*/${folder}/*`),
  );
  assert.equal(
    machine["roleArn"],
    `arn:aws:iam:us-east-1:${ACCOUNT}:${ofKind(made, "iam/rolePolicy").get("LoopPolicy")!["role"]}`,
  );
});

test("every end of an execution is told to `ended`, or to the dead letters", () => {
  const rule = only(made, "cloudwatch/eventRule");
  assert.deepEqual(JSON.parse(String(rule["eventPattern"])), {
    source: ["aws.states"],
    "detail-type": ["Step Functions Execution Status Change"],
    detail: {
      stateMachineArn: [`arn:aws:states:us-east-1:${ACCOUNT}:stateMachine:rlaifv-ci-loop`],
      status: ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"],
    },
  });
  const ruleArn = `arn:aws:events:us-east-1:${ACCOUNT}:rule/${rule["name"]}`;
  const { rule: ruleName, arn, deadLetterConfig } = only(made, "cloudwatch/eventTarget");
  const deadLetters = `arn:aws:sqs:us-east-1:${ACCOUNT}:rlaifv-ci-dead-letters`;
  assert.deepEqual(
    { ruleName, arn, deadLetterConfig },
    {
      ruleName: rule["name"],
      arn: arnOf("ended"),
      deadLetterConfig: { arn: deadLetters },
    },
  );
  const { principal, sourceArn, function: fn } = ofKind(made, "lambda/permission").get("RunEndsInvoke")!;
  assert.deepEqual(
    { principal, sourceArn, fn },
    { principal: "events.amazonaws.com", sourceArn: ruleArn, fn: "rlaifv-ci-ended" },
  );
  const [letIn] = statementsOf(only(made, "sqs/queuePolicy")["policy"]);
  assert.deepEqual(letIn, {
    Effect: "Allow",
    Principal: { Service: ["events.amazonaws.com"] },
    Action: ["sqs:SendMessage"],
    Resource: [deadLetters],
    Condition: { ArnEquals: { "aws:SourceArn": [ruleArn] } },
  });
});

test("the sweeper runs by itself", () => {
  const { scheduleExpression, state, target } = only(made, "scheduler/schedule") as {
    scheduleExpression?: string;
    state?: string;
    target?: { arn: string; deadLetterConfig: { arn: string } };
  };
  assert.deepEqual([scheduleExpression, state], [`rate(${SWEEP_MINUTES} minutes)`, "ENABLED"]);
  assert.equal(target?.arn, arnOf("sweep"));
  assert.equal(target?.deadLetterConfig.arn, `arn:aws:sqs:us-east-1:${ACCOUNT}:rlaifv-ci-dead-letters`);
});
