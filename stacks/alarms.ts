/** Who is told when something is wrong. */
import { alarmArns, machineArn, nameOf, titleOf } from "./names.ts";
import { ALARMS, type AlarmPlan, METRICS, THROTTLE_ALARMS, WORKERS, type Worker } from "./plan.ts";
import type { Settings } from "./settings.ts";

type Measured =
  | { namespace: string; metricName: string; dimensions: Record<string, $util.Input<string>> }
  /** A query over all who write the figure, in CloudWatch's Metrics Insights. */
  | { query: string };
type Figure = Measured & {
  /** E.g. `budget-used`. */
  name: string;
  plan: AlarmPlan;
  description: string;
};

/** Not encrypted: CloudWatch may not use AWS's own key for topics, and an alarm tells no secret. */
function topic({ RLAIFV_ALARM_EMAIL }: Settings): aws.sns.Topic {
  const alarms = new aws.sns.Topic("Alarms", { name: nameOf("alarms") });
  new aws.sns.TopicPolicy("AlarmsPolicy", {
    arn: alarms.arn,
    policy: aws.iam.getPolicyDocumentOutput({
      statements: [
        {
          principals: [{ type: "Service", identifiers: ["cloudwatch.amazonaws.com"] }],
          actions: ["sns:Publish"],
          resources: [alarms.arn],
          conditions: [{ test: "ArnLike", variable: "aws:SourceArn", values: [alarmArns()] }],
        },
      ],
    }).json,
  });
  if (RLAIFV_ALARM_EMAIL !== undefined) {
    new aws.sns.TopicSubscription("AlarmsEmail", {
      topic: alarms.arn,
      protocol: "email",
      endpoint: RLAIFV_ALARM_EMAIL,
    });
  }
  return alarms;
}

/** What the workers measure themselves. */
const OWN_FIGURES: readonly Figure[] = [
  {
    name: "budget-used",
    query: `SELECT MAX(${METRICS.budgetUsed}) FROM SCHEMA(${METRICS.namespace}, service)`,
    plan: ALARMS.budgetUsed,
    description: "A run has used most of its budget; it pauses when it is spent. Raise the budget to go on.",
  },
  {
    name: "samples-parked",
    query: `SELECT SUM(${METRICS.samplesParked}) FROM SCHEMA(${METRICS.namespace}, service, stage)`,
    plan: ALARMS.samplesParked,
    description: "Many samples were parked. `rlaifv status <run>` tells the reasons.",
  },
  {
    name: "callbacks-refused",
    namespace: METRICS.namespace,
    metricName: METRICS.callbacksRefused,
    dimensions: { service: "callback" },
    plan: ALARMS.callbacksRefused,
    description: "Reports of GPU functions are refused: is CallbackSecret the same here and on Modal?",
  },
];

const queueFigure = (queue: aws.sqs.Queue): Figure => ({
  name: "dead-letters",
  namespace: "AWS/SQS",
  metricName: "ApproximateNumberOfMessagesVisible",
  dimensions: { QueueName: queue.name },
  plan: ALARMS.deadLetters,
  description: "A call or an event failed for good. The message in the queue says which.",
});

const machineFigure = (metricName: "ExecutionsFailed" | "ExecutionsTimedOut"): Figure => ({
  name: metricName === "ExecutionsFailed" ? "runs-failed" : "runs-timed-out",
  namespace: "AWS/States",
  metricName,
  dimensions: { StateMachineArn: machineArn() },
  plan: ALARMS.machineFailures,
  description: "A run has ended in a failure. `rlaifv status <run>` tells it; resuming tries what failed again.",
});

const lambdaFigure = (worker: Worker, metricName: "Errors" | "Throttles"): Figure => ({
  name: `${worker}-${metricName.toLowerCase()}`,
  namespace: "AWS/Lambda",
  metricName,
  dimensions: { FunctionName: nameOf(worker) },
  plan: metricName === "Errors" ? ALARMS.lambdaErrors : ALARMS.lambdaThrottles,
  description: `${worker}: ${metricName === "Errors" ? "calls end in errors; see its log" : "is called more often than its limit lets it"}.`,
});

export function alarms(settings: Settings, deadLetters: aws.sqs.Queue): aws.sns.Topic {
  const told = topic(settings);
  const figures: Figure[] = [
    ...OWN_FIGURES,
    queueFigure(deadLetters),
    machineFigure("ExecutionsFailed"),
    machineFigure("ExecutionsTimedOut"),
    ...(Object.keys(WORKERS) as Worker[]).map((worker) => lambdaFigure(worker, "Errors")),
    ...THROTTLE_ALARMS.map((worker) => lambdaFigure(worker, "Throttles")),
  ];
  for (const { name, plan, description, ...measured } of figures) {
    new aws.cloudwatch.MetricAlarm(`Alarm${name.split("-").map(titleOf).join("")}`, {
      name: nameOf(name),
      alarmDescription: description,
      ...("query" in measured
        ? {
            metricQueries: [{ id: "figure", expression: measured.query, period: plan.periodSeconds, returnData: true }],
          }
        : { ...measured, statistic: plan.statistic, period: plan.periodSeconds }),
      threshold: plan.threshold,
      comparisonOperator: "GreaterThanOrEqualToThreshold",
      evaluationPeriods: plan.periods,
      treatMissingData: "notBreaching",
      alarmActions: [told.arn],
      okActions: [told.arn],
    });
  }
  return told;
}
