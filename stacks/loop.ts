/** The state machine of `shared/loop.ts`, who may do what in it, and what begins without a person: the sweeper and a run's end. */
import { loopDefinition } from "../shared/loop.ts";
import { executionArns, MACHINE, machineArn, nameOf } from "./names.ts";
import { LOG_RETENTION, SWEEP_MINUTES } from "./plan.ts";
import type { Statement } from "./rights.ts";
import type { Bucket } from "./storage.ts";
import type { Base, Workers } from "./workers.ts";

type LoopFunctions = Parameters<typeof loopDefinition>[0]["functions"];

/**
 * A plain resource, not SST's StepFunctions: that component's builder knows no loops, item readers or heartbeats, and its
 * role may do anything to every event bus and start every machine of the account, which no transform takes away.
 */
export function stateMachine(workers: Workers, bucket: Bucket): aws.sfn.StateMachine {
  const called = calledFunctions();
  const logGroup = new aws.cloudwatch.LogGroup("LoopLogs", {
    // Step Functions writes to groups of this prefix without a resource policy of their own, of which a region has ten.
    name: `/aws/vendedlogs/states/${nameOf(MACHINE)}`,
    retentionInDays: LOG_RETENTION.days,
  });
  const role = new aws.iam.Role("LoopRole", {
    name: nameOf("loop-role"),
    assumeRolePolicy: aws.iam.assumeRolePolicyForPrincipal({ Service: "states.amazonaws.com" }),
  });
  const policy = new aws.iam.RolePolicy("LoopPolicy", {
    role: role.name,
    policy: aws.iam.getPolicyDocumentOutput({
      statements: machineStatements(
        called.map((worker) => workers[worker].arn),
        bucket,
      ),
    }).json,
  });
  const arns = $util.all(called.map((worker) => workers[worker].arn));
  const definition = $util.all([arns, bucket.name] as const).apply(([resolved, bucketName]) => {
    const functions = Object.fromEntries(called.map((worker, at) => [worker, resolved[at]!])) as LoopFunctions;
    return JSON.stringify(loopDefinition({ functions, bucket: bucketName }));
  });
  return new aws.sfn.StateMachine(
    "Loop",
    {
      name: nameOf(MACHINE),
      type: "STANDARD", // an express one knows no task tokens and lives five minutes
      roleArn: role.arn,
      definition,
      loggingConfiguration: {
        level: "ERROR",
        includeExecutionData: false, // prompts and answers belong to the user
        logDestination: $interpolate`${logGroup.arn}:*`,
      },
      tracingConfiguration: { enabled: true },
    },
    { dependsOn: [policy] },
  );
}

/** The workers the definition really calls: the machine may invoke these and no other. */
function calledFunctions(): (keyof LoopFunctions & keyof Workers)[] {
  const all: (keyof Workers)[] = ["prepare", "plan", "dispatch", "pair", "train", "select", "evaluate", "gate"];
  const marked = Object.fromEntries(all.map((worker) => [worker, `<${worker}>`])) as LoopFunctions;
  const definition = JSON.stringify(loopDefinition({ functions: marked, bucket: "b" }));
  return all.filter((worker): worker is keyof LoopFunctions & keyof Workers => definition.includes(`"<${worker}>"`));
}

function machineStatements(functions: $util.Output<string>[], { arn }: Bucket): Statement[] {
  return [
    { actions: ["lambda:InvokeFunction"], resources: functions },
    // A distributed map runs children of the machine itself; a redriven one goes on with those that failed.
    { actions: ["states:StartExecution"], resources: [machineArn()] },
    {
      actions: ["states:DescribeExecution", "states:StopExecution", "states:RedriveExecution"],
      resources: executionArns(),
    },
    {
      actions: ["s3:GetObject"],
      resources: [$interpolate`${arn}/runs/*/passes/*`, $interpolate`${arn}/runs/*/maps/*`],
    },
    {
      actions: ["s3:PutObject", "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"],
      resources: [$interpolate`${arn}/runs/*/maps/*`],
    },
    { actions: ["s3:ListBucket"], resources: [arn] }, // a manifest that is missing is told as missing, not as forbidden
    // These two sets have no resources of their own at AWS.
    {
      actions: [
        "logs:CreateLogDelivery",
        "logs:GetLogDelivery",
        "logs:UpdateLogDelivery",
        "logs:DeleteLogDelivery",
        "logs:ListLogDeliveries",
        "logs:PutResourcePolicy",
        "logs:DescribeResourcePolicies",
        "logs:DescribeLogGroups",
      ],
      resources: ["*"],
    },
    {
      actions: [
        "xray:PutTraceSegments",
        "xray:PutTelemetryRecords",
        "xray:GetSamplingRules",
        "xray:GetSamplingTargets",
      ],
      resources: ["*"],
    },
  ];
}

/** Looks for lost callbacks, dead calls and expired leases, and keeps queued calls alive. */
export function sweeper(workers: Workers, { deadLetters }: Base): void {
  new sst.aws.CronV2("Sweeper", {
    schedule: `rate(${SWEEP_MINUTES} minutes)`,
    function: workers.sweep.arn,
    dlq: deadLetters.arn,
  });
}

/** Every end of an execution, however it came about, closes the run's books. */
export function runEnds(machine: aws.sfn.StateMachine, workers: Workers, { deadLetters }: Base): void {
  const rule = new aws.cloudwatch.EventRule("RunEnds", {
    name: nameOf("run-ends"),
    description: "An execution of the loop has ended",
    eventPattern: $jsonStringify({
      source: ["aws.states"],
      "detail-type": ["Step Functions Execution Status Change"],
      // The machine's own executions: children of its maps bear another machine's ARN.
      detail: { stateMachineArn: [machine.arn], status: ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"] },
    }),
  });
  const permission = new aws.lambda.Permission("RunEndsInvoke", {
    action: "lambda:InvokeFunction",
    function: workers.ended.name,
    principal: "events.amazonaws.com",
    sourceArn: rule.arn,
  });
  const queuePolicy = deadLetterPolicy(deadLetters, rule.arn);
  new aws.cloudwatch.EventTarget(
    "RunEndsTarget",
    { rule: rule.name, arn: workers.ended.arn, deadLetterConfig: { arn: deadLetters.arn } },
    { dependsOn: [permission, queuePolicy] },
  );
}

/** EventBridge has no role of ours here: the queue lets this one rule in, and nobody without TLS. */
function deadLetterPolicy(queue: aws.sqs.Queue, ruleArn: $util.Output<string>): aws.sqs.QueuePolicy {
  return new aws.sqs.QueuePolicy("DeadLettersPolicy", {
    queueUrl: queue.url,
    policy: aws.iam.getPolicyDocumentOutput({
      statements: [
        {
          principals: [{ type: "Service", identifiers: ["events.amazonaws.com"] }],
          actions: ["sqs:SendMessage"],
          resources: [queue.arn],
          conditions: [{ test: "ArnEquals", variable: "aws:SourceArn", values: [ruleArn] }],
        },
        {
          effect: "Deny",
          principals: [{ type: "*", identifiers: ["*"] }],
          actions: ["sqs:*"],
          resources: [queue.arn],
          conditions: [{ test: "Bool", variable: "aws:SecureTransport", values: ["false"] }],
        },
      ],
    }).json,
  });
}
