import assert from "node:assert/strict";
import { test } from "node:test";
import { METRICS_NAMESPACE } from "../../functions/adapters/powertools/telemetry.ts";
import { measuresOf } from "../../functions/runtime/cloud/telemetry.ts";
import type { RunEvent } from "../../shared/schemas/events.ts";
import { ALARMS, METRICS, THROTTLE_ALARMS, WORKERS, type Worker } from "../../stacks/plan.ts";
import { ACCOUNT, ofKind, only, statementsOf, synthesis } from "../support/synthesis.ts";

const made = synthesis();
const alarms = [...ofKind(made, "cloudwatch/metricAlarm").values()];
const topic = `arn:aws:sns:us-east-1:${ACCOUNT}:rlaifv-ci-alarms`;
const query = (expression: string) => ({ expression });
const workers = Object.keys(WORKERS) as Worker[];
const machine = `arn:aws:states:us-east-1:${ACCOUNT}:stateMachine:rlaifv-ci-loop`;

const expected = [
  { ...query("SELECT MAX(BudgetUsedShare) FROM SCHEMA(rlaifv, service)"), plan: ALARMS.budgetUsed },
  { ...query("SELECT SUM(SamplesParked) FROM SCHEMA(rlaifv, service, stage)"), plan: ALARMS.samplesParked },
  {
    namespace: "rlaifv",
    metricName: "CallbackRefused",
    dimensions: { service: "callback" },
    plan: ALARMS.callbacksRefused,
  },
  {
    namespace: "AWS/SQS",
    metricName: "ApproximateNumberOfMessagesVisible",
    dimensions: { QueueName: "rlaifv-ci-dead-letters" },
    plan: ALARMS.deadLetters,
  },
  ...["ExecutionsFailed", "ExecutionsTimedOut"].map((metricName) => ({
    namespace: "AWS/States",
    metricName,
    dimensions: { StateMachineArn: machine },
    plan: ALARMS.machineFailures,
  })),
  ...workers.map((worker) => ({
    namespace: "AWS/Lambda",
    metricName: "Errors",
    dimensions: { FunctionName: `rlaifv-ci-${worker}` },
    plan: ALARMS.lambdaErrors,
  })),
  ...THROTTLE_ALARMS.map((worker) => ({
    namespace: "AWS/Lambda",
    metricName: "Throttles",
    dimensions: { FunctionName: `rlaifv-ci-${worker}` },
    plan: ALARMS.lambdaThrottles,
  })),
];

test("money, samples, reports, dead letters, runs and functions each have their alarm", () => {
  const seen = alarms.map(({ threshold, evaluationPeriods: periods, metricQueries, ...alarm }) => {
    if (metricQueries !== undefined) {
      const [{ expression, period: periodSeconds }] = metricQueries as [{ expression: string; period: number }];
      const statistic = /SELECT MAX/.test(expression) ? "Maximum" : "Sum";
      return { expression, plan: { statistic, threshold, periodSeconds, periods } };
    }
    const { namespace, metricName, dimensions, statistic, period: periodSeconds } = alarm;
    return { namespace, metricName, dimensions, plan: { statistic, threshold, periodSeconds, periods } };
  });
  const inOrder = (list: object[]) => list.map((one) => JSON.stringify(one)).sort();
  assert.deepEqual(inOrder(seen), inOrder(expected));
});

test("every alarm rings at its threshold, tells its end, and is silent where there is no data", () => {
  const manners = alarms.map(({ comparisonOperator, treatMissingData, alarmActions, okActions }) =>
    JSON.stringify({ comparisonOperator, treatMissingData, alarmActions, okActions }),
  );
  assert.deepEqual(
    [...new Set(manners)],
    [
      JSON.stringify({
        comparisonOperator: "GreaterThanOrEqualToThreshold",
        treatMissingData: "notBreaching",
        alarmActions: [topic],
        okActions: [topic],
      }),
    ],
  );
});

test("only this stage's alarms may speak on its topic", () => {
  assert.deepEqual(statementsOf(only(made, "sns/topicPolicy")["policy"]), [
    {
      Effect: "Allow",
      Principal: { Service: ["cloudwatch.amazonaws.com"] },
      Action: ["sns:Publish"],
      Resource: [topic],
      Condition: { ArnLike: { "aws:SourceArn": [`arn:aws:cloudwatch:us-east-1:${ACCOUNT}:alarm:rlaifv-ci-*`] } },
    },
  ]);
});

test("the figures are those that the workers write", () => {
  const money = { kind: "money", budgetMicros: 10, settledMicros: 4, reservedMicros: 4 } as RunEvent;
  const shard = { kind: "shard", stage: "score", samples: 3, parked: 2 } as RunEvent;
  assert.equal(METRICS_NAMESPACE, METRICS.namespace);
  assert.deepEqual(
    measuresOf(money).find(({ name }) => name === METRICS.budgetUsed),
    { name: "BudgetUsedShare", unit: "Percent", value: 80 },
  );
  assert.deepEqual(
    measuresOf(shard).find(({ name }) => name === METRICS.samplesParked),
    { name: "SamplesParked", unit: "Count", value: 2, dimensions: { stage: "score" } },
  );
});
