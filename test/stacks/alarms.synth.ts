import assert from "node:assert/strict";
import { test } from "node:test";
import { ALARMS, METRICS, THROTTLE_ALARMS, WORKERS, type Worker } from "../../stacks/plan.ts";
import { ACCOUNT, ofKind, only, statementsOf, synthesis } from "../support/synthesis.ts";

const made = synthesis();
const alarms = [...ofKind(made, "cloudwatch/metricAlarm").values()];
const topic = `arn:aws:sns:us-east-1:${ACCOUNT}:rlaifv-ci-alarms`;
const own = (metricName: string) => ({ namespace: "rlaifv/ci", metricName, dimensions: { service: METRICS.service } });
const workers = Object.keys(WORKERS) as Worker[];
const machine = `arn:aws:states:us-east-1:${ACCOUNT}:stateMachine:rlaifv-ci-loop`;

const expected = [
  { ...own("BudgetUsedPercent"), plan: ALARMS.budgetUsed },
  { ...own("SamplesParked"), plan: ALARMS.samplesParked },
  { ...own("CallbacksRefused"), plan: ALARMS.callbacksRefused },
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
  const seen = alarms.map(({ namespace, metricName, dimensions, statistic, threshold, period, evaluationPeriods }) => ({
    namespace,
    metricName,
    dimensions,
    plan: { statistic, threshold, periodSeconds: period, periods: evaluationPeriods },
  }));
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

test("functions write their metrics where the alarms look", () => {
  for (const worker of workers) {
    const name = `${worker[0]!.toUpperCase()}${worker.slice(1)}Function`;
    const { environment } = ofKind(made, "lambda/function").get(name) as {
      environment: { variables: Record<string, string> };
    };
    const { POWERTOOLS_METRICS_NAMESPACE, POWERTOOLS_SERVICE_NAME } = environment.variables;
    assert.deepEqual([POWERTOOLS_METRICS_NAMESPACE, POWERTOOLS_SERVICE_NAME], ["rlaifv/ci", "rlaifv"]);
  }
});
