/** The parts of the loop's state machine: calls of workers, and the four model stages as distributed maps. */
import type { Json } from "./ports/orchestrator.ts";
import { RUN_PAUSED, WORKER_RETRYABLE } from "./schemas/loop.ts";
import { StageName } from "./schemas/rows.ts";

export type WorkerName = "prepare" | "plan" | "dispatch" | "pair" | "train" | "select" | "evaluate" | "gate";

/** Names or ARNs of the workers, the bucket of the manifests, and the limits of a task, in seconds. */
export type LoopRefs = {
  functions: Record<WorkerName, string>;
  bucket: string;
  limits?: Partial<LoopLimits>;
};

/** A heartbeat of `undefined`: the workers send none. */
export type LoopLimits = {
  shardTimeoutSeconds: number;
  shardHeartbeatSeconds: number | undefined;
  trainTimeoutSeconds: number;
  trainHeartbeatSeconds: number | undefined;
};

/** A heartbeat must outlast the wait for a GPU, for the clock starts before the queue. */
export const LOOP_LIMITS: LoopLimits = {
  shardTimeoutSeconds: 6 * 3600, // our choice: 1,000 samples take minutes, a cold GPU queue hours
  shardHeartbeatSeconds: 1800, // our choice: twice the sweeper's patience
  trainTimeoutSeconds: 72 * 3600, // our choice: three Modal calls of 24 h, resumed from checkpoints
  trainHeartbeatSeconds: 3600, // our choice
};

/** For workers in the loop's own process: they cannot be lost without it, and may be as slow as a laptop is. */
export const IN_PROCESS_LIMITS: LoopLimits = {
  shardTimeoutSeconds: 30 * 24 * 3600, // our choice: only an engine that hangs for good
  shardHeartbeatSeconds: undefined,
  trainTimeoutSeconds: 30 * 24 * 3600,
  trainHeartbeatSeconds: undefined,
};

/** A state as plain JSON. */
export type State = { [field: string]: Json };

const LAMBDA = "arn:aws:states:::lambda:invoke";
const LAMBDA_FAULTS = [
  "Lambda.ServiceException",
  "Lambda.AWSLambdaException",
  "Lambda.SdkClientException",
  "Lambda.TooManyRequestsException", // AWS's advice: these four come and go
  "Lambda.Unknown",
  "Runtime.ExitError",
  "Sandbox.Timedout", // a worker that died or was ended by its time limit: every worker may be called again
];
/** What every worker of a pass is told. */
export const PASS: State = { runId: "{% $runId %}", round: "{% $thisRound %}", passId: "{% $passId %}" };

function retry(errors: string[], intervalSeconds: number): Json[] {
  const schedule = { IntervalSeconds: intervalSeconds, BackoffRate: 2, MaxDelaySeconds: 300, JitterStrategy: "FULL" };
  return [{ ErrorEquals: errors, MaxAttempts: 5, ...schedule }]; // our choice: gives up after about five minutes
}

/** A worker that answers at once. */
export function call(functionName: string, payload: Json): State {
  return {
    Type: "Task",
    Resource: LAMBDA,
    Arguments: { FunctionName: functionName, Payload: payload },
    TimeoutSeconds: 900, // AWS Lambda's own limit
    Retry: retry([...LAMBDA_FAULTS, WORKER_RETRYABLE], 2),
    Catch: [{ ErrorEquals: [RUN_PAUSED], Next: "Paused" }],
  };
}

/** A worker that hands the work on; whoever finishes it reports with the token. */
export function callAndWait(
  functionName: string,
  payload: State,
  limits: { timeout: number; heartbeat: number | undefined },
): State {
  return {
    Type: "Task",
    Resource: `${LAMBDA}.waitForTaskToken`,
    Arguments: {
      FunctionName: functionName,
      Payload: {
        ...payload,
        attempt: "{% $states.context.State.RetryCount %}",
        token: "{% $states.context.Task.Token %}",
      },
    },
    TimeoutSeconds: limits.timeout,
    ...(limits.heartbeat === undefined ? {} : { HeartbeatSeconds: limits.heartbeat }),
    Retry: retry([...LAMBDA_FAULTS, WORKER_RETRYABLE, "States.Timeout", "States.HeartbeatTimeout"], 5),
  };
}

/** A child of the map: one shard. A paused run refuses shards without counting them as failed; the next worker ends the run. */
function shardMachine(stage: StageName, refs: LoopRefs, limits: LoopLimits): State {
  const fields = ["runId", "round", "passId", "stage", "shardId"];
  const payload = Object.fromEntries(fields.map((field) => [field, `{% $states.input.${field} %}`]));
  const task = callAndWait(refs.functions.dispatch, payload, {
    timeout: limits.shardTimeoutSeconds,
    heartbeat: limits.shardHeartbeatSeconds,
  });
  return {
    ProcessorConfig: { Mode: "DISTRIBUTED", ExecutionType: "STANDARD" },
    StartAt: `Dispatch ${stage}`,
    States: {
      [`Dispatch ${stage}`]: { ...task, Catch: [{ ErrorEquals: [RUN_PAUSED], Next: `Refused ${stage}` }], End: true },
      [`Refused ${stage}`]: { Type: "Succeed", Output: { outcome: "refused" } },
    },
  };
}

const nameOf = (stage: StageName) => stage[0]!.toUpperCase() + stage.slice(1);

/** Three states: plan the shards, skip the stage when none is left, run them. */
function stageStates(stage: StageName, next: string, refs: LoopRefs, limits: LoopLimits): Record<string, State> {
  const name = nameOf(stage);
  const fields = ["runId", "round", "passId", "stage"];
  return {
    [`Plan ${stage}`]: {
      ...call(refs.functions.plan, { ...PASS, stage }),
      Output: {
        ...PASS,
        stage,
        manifestKey: "{% $states.result.Payload.manifestKey %}",
        shards: "{% $states.result.Payload.shards %}",
      },
      Next: `${name} left?`,
    },
    [`${name} left?`]: {
      Type: "Choice",
      Choices: [{ Condition: "{% $states.input.shards > 0 %}", Next: name }],
      Default: next,
    },
    [name]: {
      Type: "Map",
      Label: name,
      ItemReader: {
        Resource: "arn:aws:states:::s3:getObject",
        ReaderConfig: { InputType: "JSONL" },
        Arguments: { Bucket: refs.bucket, Key: "{% $states.input.manifestKey %}" },
      },
      ItemSelector: {
        ...Object.fromEntries(fields.map((field) => [field, `{% $states.input.${field} %}`])),
        shardId: "{% $states.context.Map.Item.Value.shardId %}",
      },
      MaxConcurrency: "{% $maxConcurrency %}",
      ToleratedFailurePercentage: "{% $toleratedFailurePercent %}",
      ItemProcessor: shardMachine(stage, refs, limits),
      ResultWriter: {
        Resource: "arn:aws:states:::s3:putObject",
        Arguments: { Bucket: refs.bucket, Prefix: `{% 'runs/' & $runId & '/maps/' & $passId & '/${stage}' %}` },
        WriterConfig: { OutputType: "JSONL", Transformation: "COMPACT" },
      },
      Output: {},
      Catch: [{ ErrorEquals: ["States.ExceedToleratedFailureThreshold"], Next: "Too many shards failed" }],
      Next: next,
    },
  };
}

/** The four stages in a row, entered at `Plan generate`. */
export function modelStages(next: string, refs: LoopRefs, limits: LoopLimits): Record<string, State> {
  const stages = StageName.options;
  return Object.assign(
    {},
    ...stages.map((stage, at) => {
      const after = stages[at + 1];
      return stageStates(stage, after === undefined ? next : `Plan ${after}`, refs, limits);
    }),
  );
}
